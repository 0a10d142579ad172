//! Responses of protocol v4 out of what a connection has received.

use bytes::{Buf, BytesMut};
use starling_cql_lite::protocol::client::{Response, decode_response};
use starling_cql_lite::protocol::frame::{Direction, HEADER_BYTES, decode_header};

/// Takes the first response out of what was received, if it is there in full.
pub fn take_response(received: &mut BytesMut) -> Option<Response> {
    let header = decode_header(received, Direction::Response, usize::MAX).ok()??;
    if received.len() < HEADER_BYTES + header.body_length_bytes {
        return None;
    }
    received.advance(HEADER_BYTES);
    let body = received.split_to(header.body_length_bytes).freeze();
    Some(decode_response(&header, &body).expect("a response").response)
}
