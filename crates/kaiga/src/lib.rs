//! kaiga
