//! The lexer.

use crate::ast::Position;

use super::comment::skipped_bytes;
use super::literal::{duration_bytes, hex_bytes, iso_duration_bytes, number, uuid_bytes};
use super::{Token, TokenKind};

/// Reads tokens from a text. It is small and `Copy`: a copy is a place to look ahead from.
#[derive(Clone, Copy, Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    offset: usize,
    position: Position,
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, offset: 0, position: Position { line: 1, column: 0 } }
    }

    /// The text it reads.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The next token. At the end it gives `Eof` again and again; what is no token comes as `InvalidCharacter` (one
    /// character) or `Unterminated` (all the rest).
    pub fn next_token(&mut self) -> Token {
        loop {
            let start = self.offset;
            match skipped_bytes(self.rest()) {
                Ok(0) => break,
                Ok(length) => self.advance_to(start + length),
                Err(()) => return self.emit(TokenKind::Unterminated, self.text.len() - start),
            }
        }
        let (kind, length) = scan(self.rest());
        if kind == TokenKind::InvalidCharacter {
            let length = self.text.get(self.offset..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            return self.emit(kind, length);
        }
        self.emit(kind, length)
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.offset..).unwrap_or_default()
    }

    fn emit(&mut self, kind: TokenKind, length: usize) -> Token {
        let token = Token { kind, start: self.offset, end: self.offset + length, position: self.position };
        self.advance_to(token.end);
        token
    }

    /// Moves to `end`, counting lines and characters.
    fn advance_to(&mut self, end: usize) {
        for &byte in self.text.as_bytes().get(self.offset..end).unwrap_or_default() {
            if byte == b'\n' {
                self.position.line = self.position.line.saturating_add(1);
                self.position.column = 0;
            } else if byte & 0xC0 != 0x80 {
                self.position.column = self.position.column.saturating_add(1);
            }
        }
        self.offset = end;
    }
}

/// The kind and length in bytes of the token at the start of `rest`.
fn scan(rest: &[u8]) -> (TokenKind, usize) {
    let Some(&first) = rest.first() else {
        return (TokenKind::Eof, 0);
    };
    if first.is_ascii_hexdigit()
        && let Some(length) = uuid_bytes(rest)
    {
        return (TokenKind::Uuid, length);
    }
    match first {
        b'0'..=b'9' => scan_number(rest),
        b'a'..=b'z' | b'A'..=b'Z' => scan_word(rest),
        b'\'' => delimited(rest, b'\'', TokenKind::String),
        b'"' => delimited(rest, b'"', TokenKind::QuotedName),
        b'$' if rest.get(1) == Some(&b'$') => {
            match rest.get(2..).and_then(|inside| inside.windows(2).position(|pair| pair == b"$$")) {
                Some(at) => (TokenKind::DollarString, at + 4),
                None => (TokenKind::Unterminated, rest.len()),
            }
        }
        _ => scan_operator(first, rest.get(1).copied()),
    }
}

fn scan_number(rest: &[u8]) -> (TokenKind, usize) {
    if let Some(length) = hex_bytes(rest) {
        (TokenKind::Blob, length)
    } else if let Some(length) = duration_bytes(rest) {
        (TokenKind::Duration, length)
    } else {
        number(rest)
    }
}

fn scan_word(rest: &[u8]) -> (TokenKind, usize) {
    let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    match iso_duration_bytes(rest) {
        Some(duration) if duration >= length => (TokenKind::Duration, duration),
        _ => (TokenKind::Word, length),
    }
}

/// A string or quoted name: up to the closing `quote`; a doubled one does not close.
fn delimited(rest: &[u8], quote: u8, kind: TokenKind) -> (TokenKind, usize) {
    let mut at = 1;
    while let Some(found) = rest.get(at..).and_then(|tail| tail.iter().position(|b| *b == quote)) {
        at += found + 1;
        if rest.get(at) != Some(&quote) {
            return (kind, at);
        }
        at += 1;
    }
    (TokenKind::Unterminated, rest.len())
}

fn scan_operator(first: u8, second: Option<u8>) -> (TokenKind, usize) {
    let pair = match (first, second) {
        (b'.', Some(b'.')) => TokenKind::Range,
        (b'+', Some(b'=')) => TokenKind::PlusEq,
        (b'-', Some(b'=')) => TokenKind::MinusEq,
        (b'!', Some(b'=')) => TokenKind::NotEq,
        (b'<', Some(b'=')) => TokenKind::LtEq,
        (b'>', Some(b'=')) => TokenKind::GtEq,
        _ => TokenKind::InvalidCharacter,
    };
    if pair != TokenKind::InvalidCharacter {
        return (pair, 2);
    }
    let single = match first {
        b'?' => TokenKind::QuestionMark,
        b':' => TokenKind::Colon,
        b';' => TokenKind::Semicolon,
        b',' => TokenKind::Comma,
        b'.' => TokenKind::Dot,
        b'(' => TokenKind::LeftParen,
        b')' => TokenKind::RightParen,
        b'[' => TokenKind::LeftBracket,
        b']' => TokenKind::RightBracket,
        b'{' => TokenKind::LeftBrace,
        b'}' => TokenKind::RightBrace,
        b'+' => TokenKind::Plus,
        b'-' => TokenKind::Minus,
        b'*' => TokenKind::Star,
        b'/' => TokenKind::Slash,
        b'%' => TokenKind::Percent,
        b'=' => TokenKind::Eq,
        b'<' => TokenKind::Lt,
        b'>' => TokenKind::Gt,
        _ => TokenKind::InvalidCharacter,
    };
    (single, 1)
}
