//! Trainable copies of the networks: weights as tensors of libtorch, and their way to and from files.

pub mod checkpoint;
pub mod discriminator;
pub mod export;
pub mod models;
pub mod optimiser;
pub mod parameters;
pub mod torch_model;
pub mod trainable;
