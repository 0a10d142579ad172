//! What a statement gave.

use std::sync::Arc;

use bytes::Bytes;
use starling_cql_lite::protocol::ColumnSpec as Column;
use starling_cql_lite::protocol::client::Rows;
use starling_cql_lite::value::Value;

use crate::DriverError;
use crate::from_value::FromValue;

/// A row of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub(crate) columns: Arc<[Column]>,
    pub(crate) values: Vec<Value>,
}

impl Row {
    /// A row with a value for each column.
    pub fn new(columns: Arc<[Column]>, values: Vec<Value>) -> Row {
        Row { columns, values }
    }

    /// The values, in the order of the columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value of a column; None if there is no such column.
    pub fn value(&self, name: &str) -> Option<&Value> {
        let index = self.columns.iter().position(|column| column.name == name)?;
        self.values.get(index)
    }

    /// The value of a column as a Rust type.
    ///
    /// # Errors
    /// There is no such column, or its value is of another type. Null is another type, unless `T` is an `Option`.
    pub fn get<T: FromValue>(&self, name: &str) -> Result<T, DriverError> {
        let value = self.value(name).ok_or_else(|| DriverError::Column(format!("{name} is not in the result")))?;
        T::from_value(value).ok_or_else(|| {
            DriverError::Column(format!("{name} holds {value:?}, which is no {}", std::any::type_name::<T>()))
        })
    }
}

/// What a statement gave: one page of rows, or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryResult {
    pub(crate) columns: Arc<[Column]>,
    pub(crate) rows: Vec<Row>,
    pub(crate) paging_state: Option<Bytes>,
    pub(crate) warnings: Vec<String>,
}

impl QueryResult {
    /// A page, with its cells decoded.
    pub(crate) fn of_rows(page: Rows, warnings: Vec<String>) -> Result<QueryResult, DriverError> {
        let columns = page.metadata.columns.ok_or_else(|| DriverError::Protocol("rows without metadata".to_owned()))?;
        let columns: Arc<[Column]> = columns.into();
        let mut rows = Vec::with_capacity(page.rows.len());
        for cells in page.rows {
            let decoded =
                columns.iter().zip(&cells).map(|(column, cell)| Value::decode_shown(&column.cql_type, cell.as_deref()));
            rows.push(Row { columns: columns.clone(), values: decoded.collect::<Result<_, _>>()? });
        }
        Ok(QueryResult { columns, rows, paging_state: page.metadata.paging_state, warnings })
    }

    /// The columns; none if the statement gives no rows.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows of this page.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows of this page, taken out.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }

    /// The first row.
    pub fn first(&self) -> Option<&Row> {
        self.rows.first()
    }

    /// Where the next page begins; None if this is the last.
    pub fn paging_state(&self) -> Option<&Bytes> {
        self.paging_state.as_ref()
    }

    /// What the server warns of.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
