//! kaiga
fn main() {}
