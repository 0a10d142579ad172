//! CQL: types, values, lexer, parser and the frames of the native protocol. Pure.

pub mod ast;
mod calendar;
pub mod collection;
pub mod lexer;
pub mod literal;
pub mod ordered;
pub mod parser;
pub mod protocol;
pub mod types;
pub mod value;
mod vint;
