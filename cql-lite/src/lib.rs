//! CQL: types, values, lexer, parser and the frames of the native protocol. Pure.

pub mod ast;
pub mod lexer;
pub mod parser;
