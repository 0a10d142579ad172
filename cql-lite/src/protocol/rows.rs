//! RESULT Rows, written cell by cell into the connection's buffer.

use bytes::{BufMut, BytesMut};

use super::frame::{Opcode, OpenFrame};
use super::metadata::{ColumnSpec, HAS_MORE_PAGES, METADATA_CHANGED, NO_METADATA, put_columns, table_flag};
use super::response::{RESULT_ROWS, ResponseHead};
use super::wire::{put_bytes, put_short_bytes};

/// What comes before the rows.
#[derive(Clone, Copy, Debug)]
pub struct RowsMetadata<'a> {
    /// The columns.
    pub columns: &'a [ColumnSpec],
    /// Leave the columns out: the client knows them.
    pub skip_metadata: bool,
    /// Where the next page begins, if there is one.
    pub paging_state: Option<&'a [u8]>,
    /// v5: id of metadata that is not what the client knows; the columns are written then in any case.
    pub new_metadata_id: Option<&'a [u8]>,
}

impl<'a> RowsMetadata<'a> {
    /// Metadata with the columns and no further page.
    pub fn new(columns: &'a [ColumnSpec]) -> Self {
        Self { columns, skip_metadata: false, paging_state: None, new_metadata_id: None }
    }
}

/// Writes the rows of one answer: cells in the order of the columns, row after row. The number of rows is
/// filled in by [`RowsWriter::finish`].
#[must_use = "the frame has no length before `finish`"]
pub struct RowsWriter<'b, 'h> {
    out: &'b mut BytesMut,
    head: ResponseHead<'h>,
    frame: OpenFrame,
    count_at: usize,
    columns: usize,
    cells: usize,
}

impl<'b, 'h> RowsWriter<'b, 'h> {
    /// Writes header and metadata.
    pub fn begin(out: &'b mut BytesMut, head: &ResponseHead<'h>, metadata: &RowsMetadata<'_>) -> Self {
        let frame = head.begin(out, Opcode::Result);
        out.put_u32(RESULT_ROWS);
        let more = if metadata.paging_state.is_some() { HAS_MORE_PAGES } else { 0 };
        let new_metadata_id = metadata.new_metadata_id.filter(|_| head.version >= 5);
        let skip_metadata = metadata.skip_metadata && new_metadata_id.is_none();
        let changed = if new_metadata_id.is_some() { METADATA_CHANGED } else { 0 };
        let table = if skip_metadata { NO_METADATA } else { table_flag(metadata.columns) };
        out.put_u32(more | changed | table);
        out.put_u32(metadata.columns.len() as u32);
        if metadata.paging_state.is_some() {
            put_bytes(out, metadata.paging_state);
        }
        if let Some(id) = new_metadata_id {
            put_short_bytes(out, id);
        }
        if !skip_metadata {
            put_columns(out, head.version, metadata.columns);
        }
        let count_at = out.len();
        out.put_u32(0);
        Self { out, head: *head, frame, count_at, columns: metadata.columns.len(), cells: 0 }
    }

    /// Appends the next cell of the current row, or the first of the next.
    pub fn cell(&mut self, value: Option<&[u8]>) {
        put_bytes(self.out, value);
        self.cells += 1;
    }

    /// Appends a row, which has as many cells as there are columns.
    pub fn row<T: AsRef<[u8]>>(&mut self, cells: &[Option<T>]) {
        debug_assert_eq!(cells.len(), self.columns, "a row has a cell for each column");
        for cell in cells {
            self.cell(cell.as_ref().map(AsRef::as_ref));
        }
    }

    /// Bytes of the frame so far.
    pub fn size_bytes(&self) -> usize {
        self.out.len().saturating_sub(self.count_at)
    }

    /// Fills in the number of rows and the frame's length.
    pub fn finish(self) {
        debug_assert!(self.columns == 0 || self.cells.is_multiple_of(self.columns), "the last row is complete");
        let rows = self.cells.checked_div(self.columns).unwrap_or(0) as u32;
        if let Some(slot) = self.out.get_mut(self.count_at..self.count_at + 4) {
            slot.copy_from_slice(&rows.to_be_bytes());
        }
        self.head.finish(self.out, self.frame);
    }
}
