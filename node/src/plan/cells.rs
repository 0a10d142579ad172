//! The cells that a change of a column comes to.

use bytes::Bytes;
use starling_cql_lite::collection::all_elements;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::ValueError;
use starling_storage::merge::merge_column;
use starling_storage::model::{Cell, CellContent, ColumnData, Deletion, Expiry};

use super::assignment::{Assignment, Change};
use super::elements::{Part, path, positions_after, positions_before};
use super::errors::invalid;
use super::names::TableInfo;
use super::term::Term;
use super::values::{Environment, TermValue};
use crate::time::Stamp;

/// Stamps what one modification writes.
pub(crate) struct Writer {
    /// Write timestamp in microseconds.
    pub timestamp_us: i64,
    /// Seconds since 1970: when deletions were made.
    pub now_s: i64,
    /// When what is written expires.
    pub expiry: Option<Expiry>,
    /// The stamp of the write.
    pub stamp: Stamp,
}

/// Where lists that were read before are found: by column.
pub(crate) type ListsOfRow<'a> = &'a dyn Fn(&Assignment) -> &'a [Part];

fn failed(error: ValueError) -> CqlError {
    invalid(error.to_string())
}

impl Writer {
    /// The deletion that a statement makes.
    pub fn deletion(&self) -> Deletion {
        Deletion { timestamp_us: self.timestamp_us, local_deletion_time_s: self.now_s, issue_stamp: self.stamp }
    }

    /// What an overwritten collection was before: everything older than what is written now.
    fn overwritten(&self) -> Deletion {
        Deletion { timestamp_us: self.timestamp_us.saturating_sub(1), ..self.deletion() }
    }

    fn cell(&self, path: Option<Bytes>, content: CellContent) -> Cell {
        Cell { path, timestamp_us: self.timestamp_us, content }
    }

    fn live(&self, path: Option<Bytes>, value: Bytes) -> Cell {
        self.cell(path, CellContent::Live { value, expiry: self.expiry })
    }

    fn tombstone(&self, path: Option<Bytes>) -> Cell {
        self.cell(path, CellContent::Tombstone { local_deletion_time_s: self.now_s, issue_stamp: self.stamp })
    }

    /// The data of all columns that a modification assigns to (ascending by column id); unset ones are left out.
    pub fn columns(
        &self,
        info: &TableInfo,
        assignments: &[Assignment],
        environment: &Environment<'_>,
        lists: ListsOfRow<'_>,
    ) -> Result<Vec<ColumnData>, CqlError> {
        let mut columns: Vec<ColumnData> = Vec::with_capacity(assignments.len());
        let mut cells = 0;
        for assignment in assignments {
            let column = info.column(assignment.column);
            let data = match &assignment.change {
                Change::Set(term) if !column.cql_type.is_multi_cell() => {
                    let cell = match term.evaluate(environment)? {
                        TermValue::Unset => continue,
                        TermValue::Null => self.tombstone(None),
                        TermValue::Value(value) => self.live(None, value),
                    };
                    Changed { deletion: None, cells: vec![cell] }
                }
                Change::Clear if !column.cql_type.is_multi_cell() => {
                    Changed { deletion: None, cells: vec![self.tombstone(None)] }
                }
                _ => match self.collection(&column.cql_type, assignment, environment, lists)? {
                    Some(changed) => changed,
                    None => continue,
                },
            };
            let data = ColumnData { column: column.id, deletion: data.deletion, cells: data.cells };
            cells += data.cells.len();
            check_cells(cells)?;
            match columns.last_mut() {
                Some(last) if last.column == data.column => merge_column(last, data),
                _ => columns.push(data),
            }
        }
        Ok(columns)
    }

    /// `None`: nothing is written.
    fn collection(
        &self,
        cql_type: &CqlType,
        assignment: &Assignment,
        environment: &Environment<'_>,
        lists: ListsOfRow<'_>,
    ) -> Result<Option<Changed>, CqlError> {
        let value = |term: &Term| term.evaluate(environment);
        let (deletion, mut cells) = match &assignment.change {
            Change::Clear => (Some(self.deletion()), Vec::new()),
            Change::Set(term) => match value(term)? {
                TermValue::Unset => return Ok(None),
                TermValue::Null => (Some(self.overwritten()), Vec::new()),
                TermValue::Value(wire) => (Some(self.overwritten()), self.added(cql_type, &wire, environment)?),
            },
            Change::Add(term) => match value(term)? {
                TermValue::Value(wire) => (None, self.added(cql_type, &wire, environment)?),
                TermValue::Null | TermValue::Unset => return Ok(None),
            },
            Change::Prepend(term) => match value(term)? {
                TermValue::Value(wire) => (None, self.prepended(&wire, environment)?),
                TermValue::Null | TermValue::Unset => return Ok(None),
            },
            Change::Remove(term) => match value(term)? {
                TermValue::Value(wire) => (None, self.removed(cql_type, &wire, lists(assignment))?),
                TermValue::Null | TermValue::Unset => return Ok(None),
            },
            Change::SetElement { key, value: element } => {
                let path = self.element_path(cql_type, value(key)?, lists(assignment), "set")?;
                match (path, value(element)?) {
                    (None, _) | (_, TermValue::Unset) => return Ok(None),
                    (path, TermValue::Null) => (None, vec![self.tombstone(path)]),
                    (path, TermValue::Value(value)) => (None, vec![self.live(path, value)]),
                }
            }
            Change::DeleteElement(key) => {
                match self.element_path(cql_type, value(key)?, lists(assignment), "delete")? {
                    None => return Ok(None),
                    path => (None, vec![self.tombstone(path)]),
                }
            }
        };
        if deletion.is_none() && cells.is_empty() {
            return Ok(None);
        }
        cells.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Some(Changed { deletion, cells }))
    }

    fn added(&self, cql_type: &CqlType, wire: &Bytes, environment: &Environment<'_>) -> Result<Vec<Cell>, CqlError> {
        let shared = |bytes: &[u8]| wire.slice_ref(bytes);
        match cql_type {
            CqlType::Set(element) => all_elements(wire, 1)
                .map_err(failed)?
                .into_iter()
                .map(|key| Ok(self.live(Some(path(element, key, "Set value")?), Bytes::new())))
                .collect(),
            CqlType::Map(key_type, _) => all_elements(wire, 2)
                .map_err(failed)?
                .chunks_exact(2)
                .filter_map(|pair| Some((pair.first()?, pair.get(1)?)))
                .map(|(key, value)| Ok(self.live(Some(path(key_type, key, "Map key")?), shared(value))))
                .collect(),
            _ => {
                let elements = all_elements(wire, 1).map_err(failed)?;
                let positions = positions_after(environment, elements.len());
                Ok(elements
                    .into_iter()
                    .zip(positions)
                    .map(|(e, position)| self.live(Some(position), shared(e)))
                    .collect())
            }
        }
    }

    fn prepended(&self, wire: &Bytes, environment: &Environment<'_>) -> Result<Vec<Cell>, CqlError> {
        let elements = all_elements(wire, 1).map_err(failed)?;
        let positions = positions_before(environment, elements.len());
        let live = |(element, position)| self.live(Some(position), wire.slice_ref(element));
        Ok(elements.into_iter().zip(positions).map(live).collect())
    }

    fn removed(&self, cql_type: &CqlType, wire: &[u8], list: &[Part]) -> Result<Vec<Cell>, CqlError> {
        let elements = all_elements(wire, 1).map_err(failed)?;
        match cql_type {
            CqlType::Set(key) | CqlType::Map(key, _) => {
                elements.into_iter().map(|element| Ok(self.tombstone(Some(path(key, element, "Map key")?)))).collect()
            }
            _ => Ok(list
                .iter()
                .filter(|part| elements.contains(&&part.value[..]))
                .map(|part| self.tombstone(Some(part.key.clone())))
                .collect()),
        }
    }

    /// The path of an element that a key or an index names.
    fn element_path(
        &self,
        cql_type: &CqlType,
        key: TermValue,
        list: &[Part],
        verb: &str,
    ) -> Result<Option<Bytes>, CqlError> {
        let what = match cql_type {
            CqlType::List(_) => "value for list index",
            CqlType::Set(_) => "set element",
            _ => "map key",
        };
        let key = match key {
            TermValue::Value(key) => key,
            TermValue::Null => return Err(invalid(format!("Invalid null {what}"))),
            TermValue::Unset => return Err(invalid(format!("Invalid unset {what}"))),
        };
        match cql_type {
            CqlType::Set(element) => path(element, &key, "Set value").map(Some),
            CqlType::Map(element, _) => path(element, &key, "Map key").map(Some),
            _ => {
                let article = if verb == "set" { "on" } else { "from" };
                if list.is_empty() {
                    return Err(invalid(format!("Attempted to {verb} an element {article} a list which is null")));
                }
                let index = <[u8; 4]>::try_from(&key[..]).map(i32::from_be_bytes).unwrap_or(-1);
                let part = usize::try_from(index).ok().and_then(|index| list.get(index));
                let part = part
                    .ok_or_else(|| invalid(format!("List index {index} out of bound, list has size {}", list.len())))?;
                Ok(Some(part.key.clone()))
            }
        }
    }
}

/// Most cells that one statement or batch may write: elements of collections, and columns. One takes about 100 bytes
/// while it is on its way, and the same few bytes of a value may be named for many rows.
const CELLS_MAX: usize = 500_000;

/// Refuses to write too many cells.
pub(crate) fn check_cells(count: usize) -> Result<(), CqlError> {
    if count > CELLS_MAX {
        return Err(invalid(format!("More than {CELLS_MAX} columns and elements would be written at once")));
    }
    Ok(())
}

/// What is written of one column.
struct Changed {
    deletion: Option<Deletion>,
    cells: Vec<Cell>,
}
