//! From a connection's bytes to frames: one behind the other, or in segments from version 5 on.

use bytes::{Buf, Bytes, BytesMut};
use starling_cql_lite::protocol::assembler::{AssemblyError, FrameAssembler};
use starling_cql_lite::protocol::frame::{Direction, FrameError, HEADER_BYTES, Header, decode_header};
use starling_cql_lite::protocol::segment::{SegmentError, SegmentFormat, read_segment, segment_bytes};

/// What comes next.
pub(super) enum Next {
    /// A frame.
    Frame(Header, Bytes),
    /// Bytes have to come first; so many in all are held until the frame is there.
    More {
        /// Bytes of what has come in part.
        held_bytes: usize,
        /// So many of them stand in the buffer.
        buffer_bytes: usize,
        /// Stream of the frame, if it can be told.
        stream: i16,
    },
    /// Memory has to be set aside before more is put together.
    Memory {
        /// Bytes of the frame that has come in part.
        held_bytes: usize,
        /// Its stream.
        stream: i16,
    },
    /// A frame that is refused; its body is skipped.
    Refused(FrameError),
}

/// Nothing that follows can be understood.
pub(super) enum Broken {
    Frame(FrameError),
    Segment(SegmentError),
}

impl From<SegmentError> for Broken {
    fn from(error: SegmentError) -> Self {
        Broken::Segment(error)
    }
}

/// How a connection's bytes are to be read.
pub(super) enum Inbound {
    /// Frames.
    Plain {
        body_limit_bytes: usize,
        /// What is still to come of a body that was refused.
        skip_bytes: usize,
    },
    /// Segments.
    Segments { format: SegmentFormat, assembler: FrameAssembler },
}

impl Inbound {
    pub(super) fn plain(body_limit_bytes: usize) -> Self {
        Inbound::Plain { body_limit_bytes, skip_bytes: 0 }
    }

    pub(super) fn segments(format: SegmentFormat, body_limit_bytes: usize) -> Self {
        Inbound::Segments { format, assembler: FrameAssembler::new(Direction::Request, body_limit_bytes) }
    }

    /// Takes what comes next off the buffer. `granted_bytes` may be held of a frame that has come in part.
    pub(super) fn next(&mut self, buffer: &mut BytesMut, granted_bytes: usize) -> Result<Next, Broken> {
        match self {
            Inbound::Plain { body_limit_bytes, skip_bytes } => next_plain(*body_limit_bytes, skip_bytes, buffer),
            Inbound::Segments { format, assembler } => next_of_segments(*format, assembler, buffer, granted_bytes),
        }
    }

    /// Makes room for the frame that has come in part, for which memory was set aside.
    pub(super) fn make_room(&mut self) {
        if let Inbound::Segments { assembler, .. } = self {
            assembler.make_room();
        }
    }

    /// Gives up the frame that has come in part: what is still to come of it is skipped. `false` if it cannot be told
    /// where it ends.
    pub(super) fn give_up(&mut self, buffer: &mut BytesMut) -> bool {
        match self {
            Inbound::Plain { body_limit_bytes, skip_bytes } => {
                let Ok(Some(header)) = decode_header(buffer, Direction::Request, *body_limit_bytes) else {
                    return false;
                };
                *skip_bytes = HEADER_BYTES + header.body_length_bytes;
                true
            }
            Inbound::Segments { assembler, .. } => assembler.give_up(),
        }
    }
}

fn next_plain(body_limit_bytes: usize, skip_bytes: &mut usize, buffer: &mut BytesMut) -> Result<Next, Broken> {
    let skipped = (*skip_bytes).min(buffer.len());
    buffer.advance(skipped);
    *skip_bytes -= skipped;
    match decode_header(buffer, Direction::Request, body_limit_bytes) {
        Ok(Some(header)) if buffer.len() >= HEADER_BYTES + header.body_length_bytes => {
            buffer.advance(HEADER_BYTES);
            let body = buffer.split_to(header.body_length_bytes).freeze();
            Ok(Next::Frame(header, body))
        }
        Ok(Some(header)) => {
            let held_bytes = HEADER_BYTES + header.body_length_bytes;
            Ok(Next::More { held_bytes, buffer_bytes: held_bytes, stream: header.stream })
        }
        Ok(None) => Ok(Next::More { held_bytes: buffer.len(), buffer_bytes: buffer.len(), stream: 0 }),
        Err(error) => {
            // The end of a body that is too long is known; of all else nothing is.
            let FrameError::BodyTooLong { length, .. } = error else { return Err(Broken::Frame(error)) };
            let Ok(length) = usize::try_from(length) else { return Err(Broken::Frame(error)) };
            *skip_bytes = HEADER_BYTES + length;
            Ok(Next::Refused(error))
        }
    }
}

fn next_of_segments(
    format: SegmentFormat,
    assembler: &mut FrameAssembler,
    buffer: &mut BytesMut,
    granted_bytes: usize,
) -> Result<Next, Broken> {
    loop {
        match assembler.next_frame() {
            Ok(Some((header, body))) => return Ok(Next::Frame(header, body)),
            Ok(None) => {}
            Err(AssemblyError::Frame(error @ FrameError::BodyTooLong { length: 0.., .. })) => {
                return Ok(Next::Refused(error));
            }
            Err(AssemblyError::Frame(error)) => return Err(Broken::Frame(error)),
            Err(AssemblyError::Segment(error)) => return Err(Broken::Segment(error)),
        }
        // A segment of a few hundred bytes can hold a payload of 128 KiB.
        let (held_bytes, stream) = assembler.awaited();
        if held_bytes > granted_bytes {
            return Ok(Next::Memory { held_bytes, stream });
        }
        match read_segment(format, buffer)? {
            Some(segment) => assembler.push(segment)?,
            None => {
                let buffer_bytes = segment_bytes(format, buffer)?.unwrap_or(buffer.len());
                return Ok(Next::More { held_bytes: held_bytes + buffer_bytes, buffer_bytes, stream });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use starling_cql_lite::protocol::frame::Opcode;
    use starling_cql_lite::protocol::segment::put_segments;

    use super::*;

    #[test]
    fn a_bomb_in_segments_is_not_unpacked_before_there_is_memory_for_it() {
        let body_bytes = 16 << 20;
        let mut frame = BytesMut::new();
        frame.put_slice(&[5, 0, 0, 9, Opcode::Query as u8]);
        frame.put_u32(body_bytes as u32);
        frame.resize(HEADER_BYTES + body_bytes, 0);
        let mut buffer = BytesMut::new();
        put_segments(&mut buffer, SegmentFormat::Lz4, &frame);
        let mut inbound = Inbound::segments(SegmentFormat::Lz4, body_bytes);
        let Ok(Next::Memory { held_bytes, stream }) = inbound.next(&mut buffer, 16 << 10) else {
            panic!("it goes on without memory")
        };
        assert_eq!((held_bytes, stream), (frame.len(), 9));
        let Inbound::Segments { assembler, .. } = &inbound else { unreachable!() };
        assert!(assembler.held_bytes() < 200_000, "one segment at most");
        inbound.make_room();
        assert!(matches!(inbound.next(&mut buffer, held_bytes), Ok(Next::Frame(_, body)) if body.len() == body_bytes));
    }
}
