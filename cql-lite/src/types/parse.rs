//! Reading a type from CQL text, as in `frozen<map<text, text>>`.

use thiserror::Error;

use super::{CqlType, MAX_TYPE_DEPTH, native};

/// Why a text is not a type.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TypeParseError {
    /// The name is no native type; it may be a user-defined one.
    #[error("Unknown type {0}")]
    Unknown(String),
    /// The text does not have the form of a type.
    #[error("Invalid type '{text}': {reason}")]
    Syntax {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl CqlType {
    /// Reads a type as CQL writes it. Names are matched in any case; a quoted string is a custom class.
    ///
    /// # Errors
    /// An unknown name (user-defined types need a schema to be resolved) or a malformed text.
    pub fn parse(text: &str) -> Result<CqlType, TypeParseError> {
        let mut parser = Parser { text, rest: text };
        let ty = parser.parse_type(0)?;
        parser.skip_space();
        if parser.rest.is_empty() { Ok(ty) } else { Err(parser.error("text after the type")) }
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn error(&self, reason: &'static str) -> TypeParseError {
        TypeParseError::Syntax { text: self.text.to_owned(), reason }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn expect(&mut self, wanted: char, reason: &'static str) -> Result<(), TypeParseError> {
        if self.accept(wanted) { Ok(()) } else { Err(self.error(reason)) }
    }

    fn accept(&mut self, wanted: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &'a str {
        self.skip_space();
        let end =
            self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn parse_type(&mut self, depth: usize) -> Result<CqlType, TypeParseError> {
        if depth >= MAX_TYPE_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        if self.accept('\'') {
            let (class, rest) = self.rest.split_once('\'').ok_or_else(|| self.error("unterminated quote"))?;
            self.rest = rest;
            return Ok(super::class::parse(class).unwrap_or_else(|| CqlType::Custom(class.to_owned())));
        }
        let name = self.word();
        if name.is_empty() {
            return Err(self.error("a type's name is missing"));
        }
        if let Some(ty) = native::by_name(name) {
            return Ok(ty);
        }
        let name = name.to_ascii_lowercase();
        if !matches!(name.as_str(), "list" | "set" | "map" | "tuple" | "vector" | "frozen") {
            return Err(TypeParseError::Unknown(name));
        }
        self.expect('<', "expected '<'")?;
        let first = self.parse_type(depth + 1)?;
        let ty = match name.as_str() {
            "list" => CqlType::List(Box::new(first)),
            "set" => CqlType::Set(Box::new(first)),
            "frozen" => first.freeze(),
            "map" => {
                self.expect(',', "a map has a key and a value type")?;
                CqlType::Map(Box::new(first), Box::new(self.parse_type(depth + 1)?))
            }
            "vector" => {
                self.expect(',', "a vector has a type and a dimension")?;
                let dimension = self.word().parse().ok().filter(|d| *d > 0);
                CqlType::Vector(Box::new(first), dimension.ok_or_else(|| self.error("invalid dimension"))?)
            }
            _ => {
                let mut elements = vec![first];
                while self.accept(',') {
                    elements.push(self.parse_type(depth + 1)?);
                }
                CqlType::Tuple(elements)
            }
        };
        self.expect('>', "expected '>'")?;
        Ok(ty)
    }
}
