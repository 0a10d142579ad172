//! Names, strings and whole numbers.

use crate::ast::{Identifier, QualifiedName};
use crate::lexer::keyword::is_reserved;
use crate::lexer::{Token, TokenKind};

use super::SyntaxError;
use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// Whether `token` can be a name: quoted, or a word that is not reserved.
    pub(super) fn is_name(&self, token: Token) -> bool {
        match token.kind {
            TokenKind::QuotedName => true,
            TokenKind::Word => !is_reserved(&self.text_of(token).to_ascii_lowercase()),
            _ => false,
        }
    }

    /// A name: of a keyspace, table, column in a definition, field ...
    pub(super) fn name(&mut self) -> Parsed<Identifier> {
        if self.at(TokenKind::QuotedName) && self.token().end - self.token().start == 2 {
            return Err(self.unexpected());
        }
        self.column_name()
    }

    /// The name of a column outside of definitions, where `""` is one too.
    pub(super) fn column_name(&mut self) -> Parsed<Identifier> {
        let token = self.token();
        let text = self.text_of(token);
        let name = match token.kind {
            TokenKind::Word => {
                let name = text.to_ascii_lowercase();
                if is_reserved(&name) {
                    return Err(self.unexpected());
                }
                name
            }
            TokenKind::QuotedName => undoubled(text, '"'),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Identifier { name, quoted: token.kind == TokenKind::QuotedName, position: token.position })
    }

    /// A name with an optional keyspace.
    pub(super) fn qualified_name(&mut self) -> Parsed<QualifiedName> {
        let first = self.object_name("keyspace")?;
        if self.accept(TokenKind::Dot) {
            return Ok(QualifiedName { keyspace: Some(first), name: self.object_name("table")? });
        }
        Ok(QualifiedName { keyspace: None, name: first })
    }

    /// The name of an object, for which no bind marker can stand.
    pub(super) fn object_name(&mut self, object: &str) -> Parsed<Identifier> {
        if self.at(TokenKind::QuestionMark) {
            return Err(self.error(format!("Bind variables cannot be used for {object} names")));
        }
        self.name()
    }

    /// The name of a role, which can also be a string.
    pub(super) fn role_name(&mut self) -> Parsed<Identifier> {
        let position = self.position();
        match self.accept_string() {
            Some(name) => Ok(Identifier { name, quoted: true, position }),
            None => self.object_name("role"),
        }
    }

    /// Whether the tokens from the next one on are the name of a function and `(`.
    pub(super) fn at_function(&self) -> bool {
        let [second, third, fourth] = self.ahead();
        match second.kind {
            TokenKind::LeftParen => self.is_function_name(self.token()),
            TokenKind::Dot => {
                self.is_name(self.token()) && self.is_function_name(third) && fourth.kind == TokenKind::LeftParen
            }
            _ => false,
        }
    }

    fn is_function_name(&self, token: Token) -> bool {
        const NOT_FUNCTIONS: [&str; 7] = ["ttl", "writetime", "maxwritetime", "key", "cast", "json", "distinct"];
        self.is_word(token, "token")
            || (self.is_name(token) && !NOT_FUNCTIONS.iter().any(|word| self.is_word(token, word)))
    }

    /// The name of a function.
    pub(super) fn function_name(&mut self) -> Parsed<QualifiedName> {
        let first = self.simple_function_name()?;
        if self.accept(TokenKind::Dot) {
            return Ok(QualifiedName { keyspace: Some(first), name: self.simple_function_name()? });
        }
        Ok(QualifiedName { keyspace: None, name: first })
    }

    /// The name of a function without a keyspace.
    pub(super) fn simple_function_name(&mut self) -> Parsed<Identifier> {
        let token = self.token();
        if self.accept_word("token") {
            return Ok(Identifier { name: "token".into(), quoted: false, position: token.position });
        }
        self.name()
    }

    /// A string's contents.
    pub(super) fn string(&mut self) -> Parsed<String> {
        self.accept_string().ok_or_else(|| self.mismatched(TokenKind::String.describe()))
    }

    pub(super) fn accept_string(&mut self) -> Option<String> {
        let text = self.text_of(self.token());
        let contents = match self.kind() {
            TokenKind::String => undoubled(text, '\''),
            TokenKind::DollarString => text.get(2..text.len().saturating_sub(2)).unwrap_or_default().to_owned(),
            _ => return None,
        };
        self.advance();
        Some(contents)
    }

    /// A whole number that fits.
    pub(super) fn unsigned(&mut self) -> Parsed<u32> {
        let token = self.expect(TokenKind::Integer)?;
        let text = self.text_of(token);
        text.parse().map_err(|_| SyntaxError::at(token.position, format!("{text} is too large")))
    }
}

/// What stands between the quotes, with doubled quotes made single.
fn undoubled(text: &str, quote: char) -> String {
    let inside = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    if !inside.contains(quote) {
        return inside.to_owned();
    }
    let mut contents = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        contents.push(character);
        if character == quote {
            characters.next();
        }
    }
    contents
}
