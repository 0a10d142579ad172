//! From text to the abstract syntax tree, by recursive descent.

mod access;
mod assignment;
mod constant;
mod cursor;
mod data;
mod describe;
mod error;
mod function;
mod name;
mod object;
mod permission;
mod property;
mod relation;
mod schema;
mod script;
mod select;
mod selector;
mod statement;
mod term;
mod type_name;

pub use cursor::{MAX_NESTING, MAX_TOKENS};
pub use error::SyntaxError;
pub use script::{Script, ScriptStatement, split_statements};

use crate::ast::ParsedStatement;
use cursor::Parser;

/// Parses one statement, which may end in semicolons.
///
/// The stack needed is bounded whatever the text, and so are the nodes of the tree ([`MAX_TOKENS`]); the caller has to
/// bound the text's length.
///
/// # Errors
/// What Cassandra answers with a SyntaxException.
pub fn parse_statement(text: &str) -> Result<ParsedStatement, SyntaxError> {
    Parser::new(text).only_statement()
}

/// As [`parse_statement`], for texts of at most `max_bytes`.
///
/// # Errors
/// Also if the text is longer.
pub fn parse_statement_within(text: &str, max_bytes: usize) -> Result<ParsedStatement, SyntaxError> {
    if text.len() > max_bytes {
        let message = format!("statement of {} bytes is longer than the {max_bytes} allowed", text.len());
        return Err(SyntaxError { line: 1, column: 0, message });
    }
    parse_statement(text)
}
