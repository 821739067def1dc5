//! kaiga as a service: an HTTP interface, jobs that survive a restart, and the page.
//!
//! [`run`] is the whole of it, a [`Config`](config::Config) says how.

pub mod batch;
mod budget;
#[cfg(test)]
#[path = "../build/bundle.rs"]
mod bundle;
pub mod config;
mod connections;
mod error;
mod health;
mod http;
mod jobs;
mod live;
mod log;
pub mod memory;
mod metrics;
pub mod models;
pub mod operate;
mod paint;
mod painter_cache;
mod params;
mod private;
mod serve;
#[cfg(test)]
mod testing;
mod trace;
mod video;
mod worker_pool;

pub use http::sign;
pub use paint::BYTES_PER_PIXEL;
pub use serve::{Role, run};

/// A name nobody can guess: 128 random bits, hexadecimal.
fn random_name() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    hex::encode(bytes)
}
