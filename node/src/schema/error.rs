//! Errors of schema changes, by the protocol's code.

use starling_cql_lite::protocol::error::CqlError;

/// 0x2200.
pub fn invalid(message: impl Into<String>) -> CqlError {
    CqlError::Invalid(message.into())
}

/// 0x2300.
pub fn config(message: impl Into<String>) -> CqlError {
    CqlError::Config(message.into())
}

/// 0x2000.
pub fn syntax(message: impl Into<String>) -> CqlError {
    CqlError::Syntax(message.into())
}

/// 0x2100, for any change of a system keyspace.
pub fn not_modifiable(keyspace: &str) -> CqlError {
    CqlError::Unauthorized(format!("{keyspace} keyspace is not user-modifiable."))
}

/// 0x2200, naming a part of CQL that is not there yet.
pub fn not_supported(what: &str) -> CqlError {
    invalid(format!("{what} is not supported yet"))
}

/// 0x2400 for a keyspace.
pub fn keyspace_exists(keyspace: &str) -> CqlError {
    CqlError::AlreadyExists {
        keyspace: keyspace.to_owned(),
        table: String::new(),
        message: format!("Cannot add existing keyspace \"{keyspace}\""),
    }
}

/// 0x2400 for a table.
pub fn table_exists(keyspace: &str, table: &str) -> CqlError {
    CqlError::AlreadyExists {
        keyspace: keyspace.to_owned(),
        table: table.to_owned(),
        message: format!("Cannot add already existing table \"{table}\" to keyspace \"{keyspace}\""),
    }
}
