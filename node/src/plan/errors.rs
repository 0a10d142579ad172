//! The errors of planning, worded as Cassandra words them.

use starling_cql_lite::protocol::error::CqlError;

/// An InvalidRequest (0x2200) error.
pub(crate) fn invalid(message: impl Into<String>) -> CqlError {
    CqlError::Invalid(message.into())
}

/// Something of the language that this server does not have.
pub(crate) fn unsupported(what: impl std::fmt::Display) -> CqlError {
    invalid(format!("{what} is not supported yet"))
}

/// What a SELECT is told that would have to look at rows it does not return.
pub(crate) fn requires_filtering() -> CqlError {
    invalid(
        "Cannot execute this query as it might involve data filtering and thus may have unpredictable \
         performance. If you want to execute this query despite the performance unpredictability, use \
         ALLOW FILTERING",
    )
}

/// A column that the table does not have.
pub(crate) fn undefined_column(column: &str, keyspace: &str, table: &str) -> CqlError {
    invalid(format!("Undefined column name {column} in table {keyspace}.{table}"))
}
