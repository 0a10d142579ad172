//! Bind variables: what each marker of a statement stands for.

use starling_cql_lite::ast::Marker;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::errors::invalid;
use super::names::TableInfo;

/// What a marker stands for, as clients are told.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Keyspace of the table that it is compared with or written to.
    pub keyspace: String,
    /// That table.
    pub table: String,
    /// The marker's own name, else the column, or `[limit]`, `in(c)` and the like.
    pub name: String,
    /// The type that a value must have.
    pub cql_type: CqlType,
}

/// What receives a value: its name in messages and metadata, and its type.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    /// Name.
    pub name: String,
    /// Type.
    pub cql_type: CqlType,
}

impl Receiver {
    /// A receiver.
    pub fn new(name: impl Into<String>, cql_type: CqlType) -> Receiver {
        Receiver { name: name.into(), cql_type }
    }

    /// A column as a receiver.
    pub fn column(info: &TableInfo, index: usize) -> Receiver {
        let column = info.column(index);
        Receiver::new(column.name.clone(), column.cql_type.clone())
    }
}

/// Most bytes of types that a prepared statement may hold: a column's name is short, its type may be large, and each
/// mention of it has its own.
const TYPE_BYTES_MAX: usize = 8 << 20;

/// Collects the variables of a statement while it is prepared.
#[derive(Debug)]
pub(crate) struct Variables {
    found: Vec<Option<Variable>>,
    reserved: usize,
    type_bytes: usize,
}

impl Variables {
    /// Room for a statement's markers.
    pub fn new(count: usize) -> Variables {
        Variables { found: vec![None; count], reserved: 0, type_bytes: 0 }
    }

    /// Sets apart numbers after those of the statement's markers, for values that come out of another; gives the
    /// first.
    pub fn reserve(&mut self, count: usize) -> usize {
        let first = self.found.len() + self.reserved;
        self.reserved += count;
        first
    }

    /// Counts a type that the prepared statement holds.
    ///
    /// # Errors
    /// Invalid for types that take too much together.
    pub fn weigh(&mut self, cql_type: &CqlType) -> Result<(), CqlError> {
        self.type_bytes += cql_type.part_count() * size_of::<CqlType>();
        if self.type_bytes > TYPE_BYTES_MAX {
            return Err(invalid(format!("The types of the statement take more than {TYPE_BYTES_MAX} bytes")));
        }
        Ok(())
    }

    /// About how many bytes the types take.
    pub fn type_bytes(&self) -> usize {
        self.type_bytes
    }

    /// Notes what a marker stands for; gives its index.
    pub fn note(&mut self, marker: &Marker, info: &TableInfo, receiver: &Receiver) -> Result<usize, CqlError> {
        self.weigh(&receiver.cql_type)?;
        let slot = self
            .found
            .get_mut(marker.index)
            .ok_or_else(|| invalid(format!("Bind marker {} is out of range", marker.index)))?;
        *slot = Some(Variable {
            keyspace: info.table.keyspace.clone(),
            table: info.table.name.clone(),
            name: marker.name.clone().unwrap_or_else(|| receiver.name.clone()),
            cql_type: receiver.cql_type.clone(),
        });
        Ok(marker.index)
    }

    /// All variables in order.
    pub fn finish(self) -> Result<Vec<Variable>, CqlError> {
        self.found
            .into_iter()
            .map(|variable| variable.ok_or_else(|| invalid("A bind marker stands where none can")))
            .collect()
    }
}
