//! CQL's native protocol (version 4): one codec for server and driver, over TCP and QUIC alike.
//!
//! [`frame`] reads headers, [`request`] borrows requests from a body, [`response`] and [`rows`] write
//! answers straight into one buffer, [`client`] is the other side of both.

pub mod client;
pub mod error;
mod error_wire;
pub mod event;
pub mod frame;
pub mod metadata;
pub mod request;
pub mod response;
pub mod rows;
pub mod wire;

pub use error::{CqlError, WriteType};
pub use event::{Event, SchemaChange};
pub use frame::{FrameError, Header, Opcode, decode_header};
pub use metadata::ColumnSpec;
pub use request::{BoundValue, Request, RequestFrame, decode_request};
pub use response::ResponseHead;
pub use rows::{RowsMetadata, RowsWriter};
