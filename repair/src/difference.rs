//! What one state of a partition has that another lacks.

use starling_storage::canonical::{partition_is_empty, row_is_empty};
use starling_storage::model::{Cell, ColumnData, Deletion, Partition, RangeTombstone, Row};

/// The parts of `merged` that are not in `theirs`, to be sent as a mutation; `None` if nothing is missing. Both are in
/// canonical form, and `merged` holds all that `theirs` holds and that is not shadowed.
pub fn difference(merged: &Partition, theirs: Option<&Partition>) -> Option<Partition> {
    let Some(theirs) = theirs else {
        return Some(merged.clone());
    };
    let mut missing = Partition {
        token: merged.token,
        key: merged.key.clone(),
        deletion: changed(merged.deletion, theirs.deletion),
        range_tombstones: Vec::new(),
        static_row: None,
        rows: Vec::new(),
    };
    let is_known = |piece: &RangeTombstone| {
        let at = theirs.range_tombstones.binary_search_by(|known| known.start.cmp(&piece.start)).ok();
        at.and_then(|at| theirs.range_tombstones.get(at)) == Some(piece)
    };
    missing.range_tombstones.extend(merged.range_tombstones.iter().filter(|piece| !is_known(piece)).cloned());
    missing.static_row = merged.static_row.as_ref().and_then(|row| row_difference(row, theirs.static_row.as_ref()));
    for (clustering, row) in &merged.rows {
        let known = theirs.rows.binary_search_by(|(key, _)| key.cmp(clustering)).ok();
        let known = known.and_then(|at| theirs.rows.get(at)).map(|(_, row)| row);
        if let Some(row) = row_difference(row, known) {
            missing.rows.push((clustering.clone(), row));
        }
    }
    (!partition_is_empty(&missing)).then_some(missing)
}

fn changed(merged: Option<Deletion>, theirs: Option<Deletion>) -> Option<Deletion> {
    merged.filter(|deletion| theirs != Some(*deletion))
}

fn row_difference(merged: &Row, theirs: Option<&Row>) -> Option<Row> {
    let Some(theirs) = theirs else {
        return Some(merged.clone());
    };
    let missing = Row {
        marker: merged.marker.filter(|marker| theirs.marker != Some(*marker)),
        deletion: changed(merged.deletion, theirs.deletion),
        columns: merged.columns.iter().filter_map(|column| column_difference(column, theirs)).collect(),
    };
    (!row_is_empty(&missing)).then_some(missing)
}

fn column_difference(merged: &ColumnData, theirs: &Row) -> Option<ColumnData> {
    let known = theirs.columns.binary_search_by_key(&merged.column, |column| column.column).ok();
    let Some(theirs) = known.and_then(|at| theirs.columns.get(at)) else {
        return Some(merged.clone());
    };
    let is_known = |cell: &Cell| {
        let at = theirs.cells.binary_search_by(|known| known.path.cmp(&cell.path)).ok();
        at.and_then(|at| theirs.cells.get(at)) == Some(cell)
    };
    let missing = ColumnData {
        column: merged.column,
        deletion: changed(merged.deletion, theirs.deletion),
        cells: merged.cells.iter().filter(|cell| !is_known(cell)).cloned().collect(),
    };
    (missing.deletion.is_some() || !missing.cells.is_empty()).then_some(missing)
}
