//! Responses, written straight to the end of one buffer (section 4.2 of the specification).

use bytes::{BufMut, BytesMut};
use uuid::Uuid;

use super::error::CqlError;
use super::error_wire::put_error;
use super::event::{Event, SchemaChange};
use super::frame::{FLAG_CUSTOM_PAYLOAD, FLAG_TRACING, FLAG_WARNING, FrameError, HIGHEST_VERSION, Opcode, OpenFrame};
use super::metadata::{ColumnSpec, put_columns, put_result_metadata, table_flag};
use super::payload::put_stamp;
use super::wire::{put_bytes, put_count, put_short_bytes, put_string, put_string_list};

pub(crate) const RESULT_VOID: u32 = 1;
pub(crate) const RESULT_ROWS: u32 = 2;
pub(crate) const RESULT_SET_KEYSPACE: u32 = 3;
pub(crate) const RESULT_PREPARED: u32 = 4;
pub(crate) const RESULT_SCHEMA_CHANGE: u32 = 5;

/// The stream of events.
pub const EVENT_STREAM: i16 = -1;

/// What every response says besides its kind.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// Protocol version of the connection.
    pub version: u8,
    /// Stream of the request.
    pub stream: i16,
    /// Id of the request's trace.
    pub tracing_id: Option<Uuid>,
    /// Warnings for the user.
    pub warnings: &'a [String],
    /// The latest stamp of the node that answers, for a client that brought one: see [`super::payload`].
    pub stamp: Option<u64>,
}

impl ResponseHead<'_> {
    /// A response without trace, warnings and stamp.
    pub fn new(version: u8, stream: i16) -> Self {
        Self { version, stream, tracing_id: None, warnings: &[], stamp: None }
    }

    pub(crate) fn begin(&self, out: &mut BytesMut, opcode: Opcode) -> OpenFrame {
        let tracing = if self.tracing_id.is_some() { FLAG_TRACING } else { 0 };
        let warning = if self.warnings.is_empty() { 0 } else { FLAG_WARNING };
        let payload = if self.stamp.is_some() { FLAG_CUSTOM_PAYLOAD } else { 0 };
        let frame = OpenFrame::begin(out, 0x80 | self.version, tracing | warning | payload, self.stream, opcode);
        if let Some(id) = self.tracing_id {
            out.put_slice(id.as_bytes());
        }
        if !self.warnings.is_empty() {
            put_string_list(out, self.warnings);
        }
        if let Some(stamp) = self.stamp {
            put_stamp(out, stamp);
        }
        frame
    }

    /// Ends a frame; one that is too long becomes an error.
    pub(crate) fn finish(&self, out: &mut BytesMut, frame: OpenFrame) {
        if let Err(overflow) = frame.finish(out) {
            let head = ResponseHead { stamp: self.stamp, ..ResponseHead::new(self.version, self.stream) };
            write_error(out, &head, &CqlError::Server(overflow.to_string()));
        }
    }

    fn write(&self, out: &mut BytesMut, opcode: Opcode, body: impl FnOnce(&mut BytesMut)) {
        let frame = self.begin(out, opcode);
        body(out);
        self.finish(out, frame);
    }

    fn write_result(&self, out: &mut BytesMut, kind: u32, body: impl FnOnce(&mut BytesMut)) {
        self.write(out, Opcode::Result, |out| {
            out.put_u32(kind);
            body(out);
        });
    }
}

/// READY.
pub fn write_ready(out: &mut BytesMut, head: &ResponseHead<'_>) {
    head.write(out, Opcode::Ready, |_| {});
}

/// AUTHENTICATE with the class of the authenticator.
pub fn write_authenticate(out: &mut BytesMut, head: &ResponseHead<'_>, class: &str) {
    head.write(out, Opcode::Authenticate, |out| put_string(out, class));
}

/// AUTH_CHALLENGE.
pub fn write_auth_challenge(out: &mut BytesMut, head: &ResponseHead<'_>, token: Option<&[u8]>) {
    head.write(out, Opcode::AuthChallenge, |out| put_bytes(out, token));
}

/// AUTH_SUCCESS.
pub fn write_auth_success(out: &mut BytesMut, head: &ResponseHead<'_>, token: Option<&[u8]>) {
    head.write(out, Opcode::AuthSuccess, |out| put_bytes(out, token));
}

/// SUPPORTED: options and the values that each may take.
pub fn write_supported(out: &mut BytesMut, head: &ResponseHead<'_>, options: &[(&str, &[&str])]) {
    head.write(out, Opcode::Supported, |out| {
        for (name, values) in put_count(out, options) {
            put_string(out, name);
            put_string_list(out, values);
        }
    });
}

/// ERROR.
pub fn write_error(out: &mut BytesMut, head: &ResponseHead<'_>, error: &CqlError) {
    // No error is longer than its cut strings, so the frame cannot overflow.
    head.write(out, Opcode::Error, |out| put_error(out, head.version, error));
}

/// The answer to a header that was refused: on its stream, in the highest version that is served. The
/// connection is closed afterwards.
pub fn write_frame_error(out: &mut BytesMut, error: &FrameError) {
    write_error(out, &ResponseHead::new(HIGHEST_VERSION, error.stream()), &error.to_cql_error());
}

/// RESULT Void.
pub fn write_void(out: &mut BytesMut, head: &ResponseHead<'_>) {
    head.write_result(out, RESULT_VOID, |_| {});
}

/// RESULT SetKeyspace.
pub fn write_set_keyspace(out: &mut BytesMut, head: &ResponseHead<'_>, keyspace: &str) {
    head.write_result(out, RESULT_SET_KEYSPACE, |out| put_string(out, keyspace));
}

/// RESULT SchemaChange.
pub fn write_schema_change(out: &mut BytesMut, head: &ResponseHead<'_>, change: &SchemaChange) {
    head.write_result(out, RESULT_SCHEMA_CHANGE, |out| change.put(out));
}

/// What a PREPARE yields.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<'a> {
    /// Id for EXECUTE.
    pub id: &'a [u8],
    /// v5: id of the result's metadata.
    pub result_metadata_id: &'a [u8],
    /// The variables to bind.
    pub variables: &'a [ColumnSpec],
    /// Which variable is which component of the partition key, in its order; empty if not all are bound.
    pub partition_key_indices: &'a [u16],
    /// Columns of the rows; empty for statements that have none.
    pub result_columns: &'a [ColumnSpec],
}

/// RESULT Prepared.
pub fn write_prepared(out: &mut BytesMut, head: &ResponseHead<'_>, prepared: &Prepared<'_>) {
    head.write_result(out, RESULT_PREPARED, |out| {
        put_short_bytes(out, prepared.id);
        if head.version >= 5 {
            put_short_bytes(out, prepared.result_metadata_id);
        }
        out.put_u32(table_flag(prepared.variables));
        out.put_u32(prepared.variables.len() as u32);
        out.put_u32(prepared.partition_key_indices.len() as u32);
        for index in prepared.partition_key_indices {
            out.put_u16(*index);
        }
        put_columns(out, head.version, prepared.variables);
        put_result_metadata(out, head.version, prepared.result_columns);
    });
}

/// EVENT, on the stream of events.
pub fn write_event(out: &mut BytesMut, version: u8, event: &Event) {
    ResponseHead::new(version, EVENT_STREAM).write(out, Opcode::Event, |out| event.put(out));
}
