//! Constants and bind markers.

use crate::ast::{Constant, ConstantKind, Marker, Term, TermKind};
use crate::lexer::{Token, TokenKind};

use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// A bind marker.
    pub(super) fn marker(&mut self) -> Parsed<Marker> {
        let name = if self.accept(TokenKind::QuestionMark) {
            None
        } else {
            self.expect(TokenKind::Colon)?;
            Some(self.name()?.name)
        };
        let index = self.markers.len();
        self.markers.push(name.clone());
        Ok(Marker { index, name })
    }

    pub(super) fn at_marker(&self) -> bool {
        matches!(self.kind(), TokenKind::QuestionMark | TokenKind::Colon)
    }

    /// A whole number or a marker.
    pub(super) fn int_value(&mut self) -> Parsed<Term> {
        let position = self.position();
        if self.at_marker() {
            return Ok(Term { kind: TermKind::Marker(self.marker()?), position });
        }
        let sign = if self.accept(TokenKind::Minus) { "-" } else { "" };
        if !self.at(TokenKind::Integer) {
            return Err(self.unexpected());
        }
        let token = self.advance();
        let text = format!("{sign}{}", self.text_of(token));
        Ok(Term { kind: TermKind::Constant(Constant { kind: ConstantKind::Integer, text }), position })
    }

    /// A constant with its sign.
    pub(super) fn constant(&mut self) -> Parsed<Constant> {
        let constant =
            if self.accept(TokenKind::Minus) { self.accept_negative_number() } else { self.accept_constant() };
        constant.ok_or_else(|| self.unexpected())
    }

    /// A constant without a sign, if one is next.
    pub(super) fn accept_constant(&mut self) -> Option<Constant> {
        if let Some(text) = self.accept_string() {
            return Some(Constant { kind: ConstantKind::String, text });
        }
        let token = self.token();
        let kind = match token.kind {
            TokenKind::Integer => ConstantKind::Integer,
            TokenKind::Float => ConstantKind::Float,
            TokenKind::Blob => ConstantKind::Blob,
            TokenKind::Uuid => ConstantKind::Uuid,
            TokenKind::Duration => ConstantKind::Duration,
            TokenKind::Word if self.is_boolean(token) => ConstantKind::Boolean,
            TokenKind::Word if self.at_word("nan") => {
                self.advance();
                return Some(Constant { kind: ConstantKind::Float, text: "NaN".into() });
            }
            TokenKind::Word if self.at_word("infinity") => {
                self.advance();
                return Some(Constant { kind: ConstantKind::Float, text: "Infinity".into() });
            }
            _ => return None,
        };
        self.advance();
        Some(Constant { kind, text: self.text_of(token).to_owned() })
    }

    /// The number after a minus sign, if one is next.
    pub(super) fn accept_negative_number(&mut self) -> Option<Constant> {
        let is_number = matches!(self.kind(), TokenKind::Integer | TokenKind::Float | TokenKind::Duration)
            || self.at_word("nan")
            || self.at_word("infinity");
        if !is_number {
            return None;
        }
        let mut constant = self.accept_constant()?;
        // There is only one NaN in CQL.
        if constant.text != "NaN" {
            constant.text.insert(0, '-');
        }
        Some(constant)
    }

    fn is_boolean(&self, token: Token) -> bool {
        self.is_word(token, "true") || self.is_word(token, "false")
    }

    /// Whether a word is a constant and so no name.
    pub(super) fn is_constant_word(&self, token: Token) -> bool {
        self.is_boolean(token) || self.is_word(token, "nan") || self.is_word(token, "infinity")
    }
}
