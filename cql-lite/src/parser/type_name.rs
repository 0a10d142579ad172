//! Names of types.

use crate::ast::{Identifier, QualifiedName, TypeName, TypeNameKind};
use crate::lexer::{Token, TokenKind};

use super::SyntaxError;
use super::cursor::{Parsed, Parser};

/// The native types, sorted.
const NATIVE_TYPES: [&str; 21] = [
    "ascii",
    "bigint",
    "blob",
    "boolean",
    "counter",
    "date",
    "decimal",
    "double",
    "duration",
    "float",
    "inet",
    "int",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timeuuid",
    "tinyint",
    "uuid",
    "varchar",
    "varint",
];

/// Names that CQL keeps for types to come.
const RESERVED_TYPES: [&str; 6] = ["bitstring", "byte", "complex", "enum", "interval", "macaddr"];

impl Parser<'_> {
    /// A type.
    pub(super) fn type_name(&mut self) -> Parsed<TypeName> {
        self.nested(Self::type_name_inner)
    }

    fn type_name_inner(&mut self) -> Parsed<TypeName> {
        let position = self.position();
        if let Some(class) = self.accept_string() {
            return Ok(TypeName { kind: TypeNameKind::Custom(class), position });
        }
        let kind = if self.second_kind() == TokenKind::Lt {
            self.parameterized_type()?
        } else {
            TypeNameKind::Named(self.type_reference()?)
        };
        Ok(TypeName { kind, position })
    }

    fn parameterized_type(&mut self) -> Parsed<TypeNameKind> {
        let word = self.token();
        let is = |name| self.is_word(word, name);
        let (frozen, list, set, map) = (is("frozen"), is("list"), is("set"), is("map"));
        let (tuple, vector) = (is("tuple"), is("vector"));
        if !(frozen || list || set || map || tuple || vector) {
            return Err(self.unexpected());
        }
        self.advance();
        self.expect(TokenKind::Lt)?;
        let first = Box::new(self.type_name()?);
        let kind = if frozen {
            TypeNameKind::Frozen(first)
        } else if list {
            TypeNameKind::List(first)
        } else if set {
            TypeNameKind::Set(first)
        } else if map {
            self.expect(TokenKind::Comma)?;
            TypeNameKind::Map(first, Box::new(self.type_name()?))
        } else if vector {
            self.expect(TokenKind::Comma)?;
            TypeNameKind::Vector(first, self.unsigned()?)
        } else {
            let mut elements = vec![*first];
            while self.accept(TokenKind::Comma) {
                elements.push(self.type_name()?);
            }
            TypeNameKind::Tuple(elements)
        };
        self.expect(TokenKind::Gt)?;
        Ok(kind)
    }

    /// The name of a native type or of a user-defined one.
    fn type_reference(&mut self) -> Parsed<QualifiedName> {
        let first = self.name()?;
        if self.accept(TokenKind::Dot) {
            return Ok(QualifiedName { keyspace: Some(first), name: self.user_type_part()? });
        }
        refuse_reserved(&first)?;
        Ok(QualifiedName { keyspace: None, name: first })
    }

    /// The name of a user-defined type in a statement about it.
    pub(super) fn user_type_name(&mut self) -> Parsed<QualifiedName> {
        if self.second_kind() == TokenKind::Dot {
            let keyspace = Some(self.object_name("keyspace")?);
            self.advance();
            return Ok(QualifiedName { keyspace, name: self.user_type_part()? });
        }
        Ok(QualifiedName { keyspace: None, name: self.user_type_part()? })
    }

    fn user_type_part(&mut self) -> Parsed<Identifier> {
        if self.is_native_type(self.token()) {
            return Err(self.unexpected());
        }
        let name = self.name()?;
        refuse_reserved(&name)?;
        Ok(name)
    }

    fn is_native_type(&self, token: Token) -> bool {
        token.kind == TokenKind::Word
            && NATIVE_TYPES.binary_search(&self.text_of(token).to_ascii_lowercase().as_str()).is_ok()
    }

    /// A native type, as CAST wants it.
    pub(super) fn native_type(&mut self) -> Parsed<TypeName> {
        if self.is_native_type(self.token()) { self.type_name() } else { Err(self.unexpected()) }
    }
}

fn refuse_reserved(name: &Identifier) -> Parsed<()> {
    if !name.quoted && RESERVED_TYPES.contains(&name.as_str()) {
        return Err(SyntaxError::at(name.position, format!("Invalid (reserved) user type name {name}")));
    }
    Ok(())
}
