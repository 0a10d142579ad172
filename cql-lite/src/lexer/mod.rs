//! From text to tokens, one at a time and without allocating.

mod comment;
pub mod keyword;
mod literal;
mod scan;
mod token;

pub use scan::Lexer;
pub use token::{Token, TokenKind};
