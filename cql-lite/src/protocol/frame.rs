//! Frame headers (section 2 of the specification): nine bytes before every body.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

use super::error::CqlError;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 9;
/// Versions that are served, highest first.
pub const SUPPORTED_VERSIONS: &[u8] = &[5, 4];
/// The same as SUPPORTED answers and errors list them.
pub const SUPPORTED_VERSION_NAMES: &[&str] = &["4/v4", "5/v5"];
/// The highest version that is served.
pub const HIGHEST_VERSION: u8 = 5;

/// The lowest version that is served.
pub const LOWEST_VERSION: u8 = 4;

/// The body is compressed.
pub const FLAG_COMPRESSION: u8 = 0x01;
/// Request: trace it; response: the body begins with the id of the trace.
pub const FLAG_TRACING: u8 = 0x02;
/// The body begins with a custom payload.
pub const FLAG_CUSTOM_PAYLOAD: u8 = 0x04;
/// The body begins with warnings.
pub const FLAG_WARNING: u8 = 0x08;
/// The sender knows that the version is in beta.
pub const FLAG_USE_BETA: u8 = 0x10;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// An error answers a request.
    Error = 0x00,
    /// First request of a connection.
    Startup = 0x01,
    /// The connection may be used.
    Ready = 0x02,
    /// The server wants credentials.
    Authenticate = 0x03,
    /// Asks what the server supports; also a heartbeat.
    Options = 0x05,
    /// The answer to OPTIONS.
    Supported = 0x06,
    /// A statement as text.
    Query = 0x07,
    /// The answer to a statement.
    Result = 0x08,
    /// Prepare a statement.
    Prepare = 0x09,
    /// Run a prepared statement.
    Execute = 0x0A,
    /// Subscribe to events.
    Register = 0x0B,
    /// An event, on stream -1.
    Event = 0x0C,
    /// Several statements at once.
    Batch = 0x0D,
    /// The server's next question about credentials.
    AuthChallenge = 0x0E,
    /// The client's answer.
    AuthResponse = 0x0F,
    /// Credentials were accepted.
    AuthSuccess = 0x10,
}

const OPCODES: [Opcode; 16] = [
    Opcode::Error,
    Opcode::Startup,
    Opcode::Ready,
    Opcode::Authenticate,
    Opcode::Options,
    Opcode::Supported,
    Opcode::Query,
    Opcode::Result,
    Opcode::Prepare,
    Opcode::Execute,
    Opcode::Register,
    Opcode::Event,
    Opcode::Batch,
    Opcode::AuthChallenge,
    Opcode::AuthResponse,
    Opcode::AuthSuccess,
];

impl Opcode {
    /// The opcode of that code.
    pub fn from_code(code: u8) -> Option<Self> {
        OPCODES.into_iter().find(|opcode| *opcode as u8 == code)
    }

    /// True for what clients send.
    pub fn is_request(self) -> bool {
        use Opcode as O;
        matches!(
            self,
            O::Startup | O::Options | O::Query | O::Prepare | O::Execute | O::Register | O::Batch | O::AuthResponse
        )
    }
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Protocol version, without the direction bit.
    pub version: u8,
    /// `FLAG_*` bits.
    pub flags: u8,
    /// The client's number of the request; negative ones are the server's own.
    pub stream: i16,
    /// What the body is.
    pub opcode: Opcode,
    /// Bytes of the body.
    pub body_length_bytes: usize,
}

/// Which way frames travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a client; the high bit of the first byte is 0.
    Request,
    /// From a server; the high bit is 1.
    Response,
}

/// Why a header is refused. Whoever gets one answers with [`FrameError::to_cql_error`] on
/// [`FrameError::stream`] and closes the connection: what follows cannot be told apart any more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A version that is not served; TLS on a plain port looks like version 22.
    #[error("Invalid or unsupported protocol version ({version}); supported versions are ({})", SUPPORTED_VERSION_NAMES.join(", "))]
    UnsupportedVersion {
        /// The version asked for.
        version: u8,
        /// Stream of the request, as far as it can be told.
        stream: i16,
    },
    /// A frame that travels the wrong way, or an opcode that does.
    #[error("Wrong protocol direction (opcode 0x{opcode:02X})")]
    WrongDirection {
        /// Stream of the frame.
        stream: i16,
        /// Its opcode.
        opcode: u8,
    },
    /// An unknown opcode.
    #[error("Unknown opcode {opcode}")]
    UnknownOpcode {
        /// Stream of the frame.
        stream: i16,
        /// The opcode.
        opcode: u8,
    },
    /// A body longer than the limit, or a negative length.
    #[error("Request is too big: length {length} exceeds maximum allowed length {limit}.")]
    BodyTooLong {
        /// Stream of the frame.
        stream: i16,
        /// The length that was announced.
        length: i32,
        /// The limit in bytes.
        limit: usize,
    },
}

impl FrameError {
    /// Stream to answer on.
    pub fn stream(&self) -> i16 {
        match self {
            FrameError::UnsupportedVersion { stream, .. }
            | FrameError::WrongDirection { stream, .. }
            | FrameError::UnknownOpcode { stream, .. }
            | FrameError::BodyTooLong { stream, .. } => *stream,
        }
    }

    /// The error that the peer is told.
    pub fn to_cql_error(&self) -> CqlError {
        match self {
            FrameError::BodyTooLong { .. } => CqlError::Invalid(self.to_string()),
            _ => CqlError::Protocol(self.to_string()),
        }
    }
}

/// Reads the header at the start of `buffer`; `None` while too few bytes are there. The version is judged
/// before anything else.
///
/// # Errors
/// See [`FrameError`].
pub fn decode_header(
    buffer: &[u8],
    direction: Direction,
    body_limit_bytes: usize,
) -> Result<Option<Header>, FrameError> {
    let Some(first) = buffer.first() else {
        return Ok(None);
    };
    let version = first & 0x7F;
    if !SUPPORTED_VERSIONS.contains(&version) {
        return match *buffer {
            // The streams of versions 1 and 2 are one byte.
            [_, _, stream, ..] if version < 3 => {
                Err(FrameError::UnsupportedVersion { version, stream: i16::from(stream as i8) })
            }
            [_, _, high, low, ..] => {
                Err(FrameError::UnsupportedVersion { version, stream: i16::from_be_bytes([high, low]) })
            }
            _ => Ok(None),
        };
    }
    let Some([_, flags, high, low, opcode, length @ ..]) = buffer.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let stream = i16::from_be_bytes([*high, *low]);
    let is_response = first & 0x80 != 0;
    let Some(known) = Opcode::from_code(*opcode) else {
        return Err(FrameError::UnknownOpcode { stream, opcode: *opcode });
    };
    if is_response != (direction == Direction::Response) || known.is_request() == is_response {
        return Err(FrameError::WrongDirection { stream, opcode: *opcode });
    }
    let length = i32::from_be_bytes(*length);
    match usize::try_from(length).ok().filter(|length| *length <= body_limit_bytes) {
        Some(body_length_bytes) => {
            Ok(Some(Header { version, flags: *flags, stream, opcode: known, body_length_bytes }))
        }
        None => Err(FrameError::BodyTooLong { stream, length, limit: body_limit_bytes }),
    }
}

/// A frame being written at the end of a buffer: the header first, its length filled in by `finish`.
pub(crate) struct OpenFrame {
    start: usize,
}

impl OpenFrame {
    /// Writes a header whose length is still open. `first` is the version with its direction bit.
    pub(crate) fn begin(out: &mut BytesMut, first: u8, flags: u8, stream: i16, opcode: Opcode) -> Self {
        let start = out.len();
        out.reserve(64);
        out.put_u8(first);
        out.put_u8(flags);
        out.put_i16(stream);
        out.put_u8(opcode as u8);
        out.put_u32(0);
        Self { start }
    }

    /// Fills in the length. A body that 31 bits cannot measure is taken back and `Err` returned.
    pub(crate) fn finish(self, out: &mut BytesMut) -> Result<(), BodyOverflow> {
        let length = out.len().saturating_sub(self.start + HEADER_BYTES);
        match (i32::try_from(length), out.get_mut(self.start + 5..self.start + HEADER_BYTES)) {
            (Ok(length), Some(slot)) => {
                slot.copy_from_slice(&length.to_be_bytes());
                Ok(())
            }
            _ => {
                out.truncate(self.start);
                Err(BodyOverflow)
            }
        }
    }
}

/// A body of 2 GiB or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the frame's body is longer than the protocol can carry")]
pub struct BodyOverflow;
