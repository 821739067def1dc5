//! Lets the trainer find libtorch at run time without `LD_LIBRARY_PATH`.
fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let (Ok(libtorch), Ok(_)) = (std::env::var("LIBTORCH"), std::env::var("CARGO_FEATURE_TORCH")) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}
