//! The trainable copy of the generator: its weights as tensors of libtorch, and its way to and from files.

pub mod checkpoint;
pub mod discriminator;
pub mod export;
pub mod models;
pub mod optimiser;
pub mod parameters;
pub mod torch_model;
