//! Answers that wait to be written, and the form in which they travel.

use bytes::{BufMut, BytesMut};
use starling_cql_lite::protocol::compression::{Compression, compress_frame};
use starling_cql_lite::protocol::frame::HEADER_BYTES;
use starling_cql_lite::protocol::segment::{SegmentFormat, put_segments};

/// How frames travel, as agreed on in STARTUP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    #[default]
    Plain,
    /// Their bodies compressed (version 4).
    Compressed(Compression),
    /// In segments (version 5).
    Segments(SegmentFormat),
}

/// Protocol version and compression of each form, for the metrics page.
pub(in crate::server) const FORMS: [(&str, &str); 5] =
    [("4", "none"), ("4", "lz4"), ("4", "snappy"), ("5", "none"), ("5", "lz4")];

impl Form {
    /// Its place in [`FORMS`].
    pub(super) fn index(self) -> usize {
        match self {
            Form::Plain => 0,
            Form::Compressed(Compression::Lz4) => 1,
            Form::Compressed(Compression::Snappy) => 2,
            Form::Segments(SegmentFormat::Plain) => 3,
            Form::Segments(SegmentFormat::Lz4) => 4,
        }
    }
}

/// Frames that wait.
#[derive(Default)]
pub(super) struct Outgoing {
    frames: BytesMut,
    /// Bytes at the front that still travel as they are: what was written before STARTUP was answered.
    plain_bytes: usize,
    form: Form,
    /// Bytes taken from here that the socket has not taken yet.
    pub(super) in_writing_bytes: usize,
    /// Nothing is added any more.
    pub(super) is_closed: bool,
}

/// What was taken to be written.
pub(super) struct Batch {
    frames: BytesMut,
    plain_bytes: usize,
    form: Form,
}

impl Outgoing {
    /// The frames, to add to them.
    pub(super) fn frames(&mut self) -> &mut BytesMut {
        &mut self.frames
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that the client has not taken.
    pub(super) fn unread_bytes(&self) -> usize {
        self.frames.len() + self.in_writing_bytes
    }

    /// What is added from now on travels in another form.
    pub(super) fn switch_to(&mut self, form: Form) {
        self.plain_bytes = self.frames.len();
        self.form = form;
    }

    /// Takes all frames to be written.
    pub(super) fn take(&mut self) -> Batch {
        let frames = std::mem::take(&mut self.frames);
        self.in_writing_bytes = frames.len();
        Batch { frames, plain_bytes: std::mem::take(&mut self.plain_bytes), form: self.form }
    }
}

impl Batch {
    /// Bytes of the frames.
    pub(super) fn frames_bytes(&self) -> usize {
        self.frames.len()
    }

    /// The bytes as they travel.
    pub(super) fn encode(mut self) -> BytesMut {
        let rest = self.frames.split_off(self.plain_bytes);
        let mut out = self.frames;
        match self.form {
            Form::Plain if out.is_empty() => return rest,
            Form::Plain => out.extend_from_slice(&rest),
            Form::Segments(format) => {
                out.reserve(rest.len() + (rest.len() >> 10) + 64);
                put_segments(&mut out, format, &rest);
            }
            Form::Compressed(compression) => {
                let mut rest = &rest[..];
                while let Some(length) = rest.get(5..HEADER_BYTES) {
                    let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
                    let (frame, after) = rest.split_at((HEADER_BYTES + length).min(rest.len()));
                    let start = out.len();
                    out.put_slice(frame);
                    compress_frame(&mut out, start, compression);
                    rest = after;
                }
            }
        }
        out
    }
}
