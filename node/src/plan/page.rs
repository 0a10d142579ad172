//! Pages: the rows of one answer to a client.

use bytes::Bytes;

/// Rows of a result, one after the other in one list of cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Columns of each row.
    pub width: usize,
    /// `width` cells for each row, in order; `None` is null.
    pub cells: Vec<Option<Bytes>>,
    /// Where the next page starts; `None`: this is the last.
    pub paging_state: Option<Bytes>,
}

impl Page {
    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = &[Option<Bytes>]> {
        self.cells.chunks(self.width.max(1))
    }

    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }
}
