//! Rust drivers put through the shared script.
