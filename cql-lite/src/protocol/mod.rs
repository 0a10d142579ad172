//! CQL's native protocol (version 4): one codec for server and driver, over TCP and QUIC alike.

pub mod error;
pub mod wire;

pub use error::{CqlError, WriteType};
