//! Frames in a buffer, by the codec that the server uses too.

use bytes::{Bytes, BytesMut};
use starling_cql_lite::protocol::client::{ResponseFrame, decode_response, encode_stamped_request};
use starling_cql_lite::protocol::frame::{Direction, HEADER_BYTES};
use starling_cql_lite::protocol::{Header, Request, decode_header};

/// The protocol version spoken.
const VERSION: u8 = 4;

/// The longest answer taken, in bytes; the protocol's own limit.
const BODY_MAX_BYTES: usize = 256 << 20;

/// An answer that is not decoded yet.
#[derive(Debug)]
pub(crate) struct RawReply {
    pub header: Header,
    body: Bytes,
}

/// What every connection begins with.
pub(crate) fn startup() -> Request<'static> {
    let driver = ("DRIVER_NAME", "starling-driver");
    Request::Startup(vec![("CQL_VERSION", "3.0.0"), driver, ("DRIVER_VERSION", env!("CARGO_PKG_VERSION"))])
}

/// Appends a request; the buffer is as it was if that fails.
pub(crate) fn encode(request: &Request<'_>, stream: i16, stamp: Option<u64>, out: &mut BytesMut) -> Result<(), String> {
    encode_stamped_request(out, VERSION, stream, false, stamp, request).map_err(|error| error.to_string())
}

/// Takes the next whole frame off the buffer, if there is one.
pub(crate) fn take_reply(read: &mut BytesMut) -> Result<Option<RawReply>, String> {
    let header = decode_header(read, Direction::Response, BODY_MAX_BYTES).map_err(|error| error.to_string())?;
    let Some(header) = header else { return Ok(None) };
    let frame_bytes = HEADER_BYTES + header.body_length_bytes;
    if read.len() < frame_bytes {
        return Ok(None);
    }
    let body = read.split_to(frame_bytes).freeze().slice(HEADER_BYTES..);
    Ok(Some(RawReply { header, body }))
}

impl RawReply {
    /// Decodes the answer.
    pub fn decode(&self) -> Result<ResponseFrame, String> {
        decode_response(&self.header, &self.body).map_err(|error| error.to_string())
    }
}
