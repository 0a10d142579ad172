//! A result that comes in pages, fetched as they are needed.

use std::collections::VecDeque;

use starling_cql_lite::value::Value;

use crate::options::QueryOptions;
use crate::result::{QueryResult, Row};
use crate::statement::PreparedStatement;
use crate::{DriverError, Session};

#[derive(Debug)]
enum Source {
    Text(String),
    Prepared(PreparedStatement),
}

/// The rows of a statement, page by page.
#[derive(Debug)]
pub struct Pages {
    session: Session,
    source: Source,
    values: Vec<Value>,
    options: QueryOptions,
    rows: VecDeque<Row>,
    /// The last page has come.
    ended: bool,
}

impl Pages {
    pub(crate) fn of_text(session: Session, cql: &str, values: &[Value], options: &QueryOptions) -> Pages {
        Pages::new(session, Source::Text(cql.to_owned()), values, options)
    }

    pub(crate) fn of_prepared(
        session: Session,
        statement: &PreparedStatement,
        values: &[Value],
        options: &QueryOptions,
    ) -> Pages {
        Pages::new(session, Source::Prepared(statement.clone()), values, options)
    }

    fn new(session: Session, source: Source, values: &[Value], options: &QueryOptions) -> Pages {
        let (values, options) = (values.to_vec(), options.clone());
        Pages { session, source, values, options, rows: VecDeque::new(), ended: false }
    }

    /// The next page; None after the last. A page may have no rows although another follows.
    ///
    /// # Errors
    /// As of the statement. The page may be asked for again.
    pub async fn next_page(&mut self) -> Result<Option<QueryResult>, DriverError> {
        if self.ended {
            return Ok(None);
        }
        let page = match &self.source {
            Source::Text(cql) => self.session.query(cql, &self.values, &self.options).await?,
            Source::Prepared(statement) => self.session.execute(statement, &self.values, &self.options).await?,
        };
        match page.paging_state() {
            Some(state) => self.options.paging_state = Some(state.clone()),
            None => self.ended = true,
        }
        Ok(Some(page))
    }

    /// The next row; None after the last.
    ///
    /// # Errors
    /// As of the statement. The row may be asked for again.
    pub async fn next_row(&mut self) -> Result<Option<Row>, DriverError> {
        loop {
            if let Some(row) = self.rows.pop_front() {
                return Ok(Some(row));
            }
            match self.next_page().await? {
                Some(page) => self.rows = page.into_rows().into(),
                None => return Ok(None),
            }
        }
    }
}
