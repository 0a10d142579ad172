//! Frames put together from the segments of version 5.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use super::frame::{Direction, FrameError, HEADER_BYTES, Header, decode_header};
use super::segment::{Segment, SegmentError};

/// Why a segment's payload is no frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AssemblyError {
    /// A frame that is refused. After [`FrameError::BodyTooLong`] the assembler skips the body and goes on; after any
    /// other the connection is closed.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Frames and segments do not fit together; the connection is closed.
    #[error(transparent)]
    Segment(#[from] SegmentError),
}

/// Frames from segments: those of a self-contained one as they stand, a long one from its parts.
#[derive(Debug)]
pub struct FrameAssembler {
    direction: Direction,
    body_limit_bytes: usize,
    /// Frames of a self-contained segment that are still to be taken.
    whole: Bytes,
    /// What is there of a long frame.
    parts: BytesMut,
    /// Bytes still to come of a long frame that was refused for its length.
    skip_bytes: usize,
}

impl FrameAssembler {
    /// For frames that travel that way, with bodies up to a limit.
    pub fn new(direction: Direction, body_limit_bytes: usize) -> Self {
        FrameAssembler { direction, body_limit_bytes, whole: Bytes::new(), parts: BytesMut::new(), skip_bytes: 0 }
    }

    /// Bytes held of a long frame that is not complete.
    pub fn held_bytes(&self) -> usize {
        self.parts.len()
    }

    /// Bytes of the long frame that is not complete, all of it, and its stream; as far as it can be told.
    pub fn awaited(&self) -> (usize, i16) {
        match decode_header(&self.parts, self.direction, self.body_limit_bytes) {
            Ok(Some(header)) => (HEADER_BYTES + header.body_length_bytes, header.stream),
            _ => (self.parts.len(), 0),
        }
    }

    /// Makes room for the long frame that is not complete, all of it at once: room that is doubled time and again
    /// ends with twice as much.
    pub fn make_room(&mut self) {
        let (frame_bytes, _) = self.awaited();
        let missing = frame_bytes.saturating_sub(self.parts.len());
        if self.parts.capacity() - self.parts.len() < missing {
            let mut larger = BytesMut::with_capacity(frame_bytes);
            larger.extend_from_slice(&self.parts);
            self.parts = larger;
        }
    }

    /// Gives up the long frame that is not complete: what is still to come of it is skipped. `false` if its end
    /// cannot be told.
    pub fn give_up(&mut self) -> bool {
        match decode_header(&self.parts, self.direction, self.body_limit_bytes) {
            Ok(Some(header)) => {
                let here = std::mem::take(&mut self.parts).len();
                self.skip_bytes = (HEADER_BYTES + header.body_length_bytes).saturating_sub(here);
                true
            }
            _ => false,
        }
    }

    /// Takes a segment's payload. The frames of the one before have been taken with [`FrameAssembler::next_frame`].
    ///
    /// # Errors
    /// A self-contained segment in the middle of a long frame.
    pub fn push(&mut self, segment: Segment) -> Result<(), SegmentError> {
        let is_inside = !self.parts.is_empty() || self.skip_bytes > 0;
        if !segment.is_self_contained {
            let skipped = self.skip_bytes.min(segment.payload.len());
            self.skip_bytes -= skipped;
            if skipped > 0 && skipped < segment.payload.len() {
                return Err(SegmentError::Frames("A segment reaches beyond the end of its frame"));
            }
            self.parts.extend_from_slice(&segment.payload[skipped..]);
            return Ok(());
        }
        if is_inside {
            return Err(SegmentError::Frames("A self-contained segment in the middle of a frame"));
        }
        self.whole = segment.payload;
        Ok(())
    }

    /// The next whole frame; `None` if another segment is needed.
    ///
    /// # Errors
    /// See [`AssemblyError`].
    pub fn next_frame(&mut self) -> Result<Option<(Header, Bytes)>, AssemblyError> {
        if !self.whole.is_empty() {
            return self.next_of_whole();
        }
        if self.parts.is_empty() {
            return Ok(None);
        }
        let header = match decode_header(&self.parts, self.direction, self.body_limit_bytes) {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.skip_parts(&error)?;
                return Err(error.into());
            }
        };
        let length = HEADER_BYTES + header.body_length_bytes;
        if self.parts.len() > length {
            return Err(SegmentError::Frames("A segment reaches beyond the end of its frame").into());
        }
        if self.parts.len() < length {
            return Ok(None);
        }
        let mut frame = std::mem::take(&mut self.parts).freeze();
        frame.advance(HEADER_BYTES);
        Ok(Some((header, frame)))
    }

    fn next_of_whole(&mut self) -> Result<Option<(Header, Bytes)>, AssemblyError> {
        const CUT: SegmentError = SegmentError::Frames("A self-contained segment ends inside a frame");
        let header = match decode_header(&self.whole, self.direction, self.body_limit_bytes) {
            Ok(header) => header.ok_or(CUT)?,
            Err(error) => {
                if let FrameError::BodyTooLong { length, .. } = error {
                    let length = usize::try_from(length).ok().and_then(|length| length.checked_add(HEADER_BYTES));
                    self.whole.advance(length.filter(|length| *length <= self.whole.len()).ok_or(CUT)?);
                }
                return Err(error.into());
            }
        };
        if self.whole.len() < HEADER_BYTES + header.body_length_bytes {
            return Err(CUT.into());
        }
        self.whole.advance(HEADER_BYTES);
        Ok(Some((header, self.whole.split_to(header.body_length_bytes))))
    }

    fn skip_parts(&mut self, error: &FrameError) -> Result<(), SegmentError> {
        if let FrameError::BodyTooLong { length, .. } = *error
            && let Ok(length) = usize::try_from(length)
        {
            let here = std::mem::take(&mut self.parts).len();
            self.skip_bytes = (length.saturating_add(HEADER_BYTES))
                .checked_sub(here)
                .ok_or(SegmentError::Frames("A segment reaches beyond the end of its frame"))?;
        }
        Ok(())
    }
}
