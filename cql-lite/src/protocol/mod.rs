//! CQL's native protocol (versions 4 and 5): one codec for server and driver, over TCP and QUIC alike.
//!
//! [`segment`] and [`assembler`] carry the frames of version 5, [`compression`] shrinks bodies and segments,
//! [`frame`] reads headers, [`request`] borrows requests from a body, [`response`] and [`rows`] write
//! answers straight into one buffer, [`client`] is the other side of both; [`payload`] is what both may add.

pub mod assembler;
pub mod client;
pub mod compression;
pub mod error;
mod error_wire;
pub mod event;
pub mod frame;
pub mod metadata;
pub mod payload;
pub mod request;
pub mod response;
pub mod rows;
pub mod segment;
pub mod wire;

pub use assembler::{AssemblyError, FrameAssembler};
pub use compression::{Compression, CompressionError};
pub use error::{CqlError, FailedReplica, FailureCode, WriteType};
pub use event::{Event, SchemaChange};
pub use frame::{FrameError, Header, Opcode, decode_header};
pub use metadata::ColumnSpec;
pub use request::{BoundValue, Request, RequestFrame, decode_request};
pub use response::ResponseHead;
pub use rows::{RowsMetadata, RowsWriter};
pub use segment::{Segment, SegmentError, SegmentFormat};
