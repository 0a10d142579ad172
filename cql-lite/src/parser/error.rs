//! Syntax errors, worded as Cassandra's.

use std::collections::VecDeque;

use crate::ast::Position;
use crate::lexer::{Lexer, Token, TokenKind};

/// How many tokens before the offending one the message shows.
const SNIPPET_TOKENS: usize = 10;
/// How many bytes before the offending token the message shows at most.
const SNIPPET_BYTES: usize = 100;
/// How many bytes of the offending token the message shows at most.
const TOKEN_BYTES: usize = 60;

/// A statement that is not CQL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}:{column} {message}")]
pub struct SyntaxError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 0.
    pub column: u32,
    /// What is wrong, without the position.
    pub message: String,
}

impl SyntaxError {
    pub(super) fn at(position: Position, message: impl Into<String>) -> Self {
        Self { line: position.line, column: position.column, message: message.into() }
    }

    /// `token` starts none of several things that could stand here.
    pub(super) fn no_viable_alternative(text: &str, token: Token) -> Self {
        Self::lexical(text, token).unwrap_or_else(|| {
            let message = format!("no viable alternative at input '{}'", shown(text, token));
            Self::at(token.position, message + &snippet(text, token))
        })
    }

    /// `token` is not the one thing that can stand here.
    pub(super) fn mismatched(text: &str, token: Token, expecting: &str) -> Self {
        Self::lexical(text, token).unwrap_or_else(|| {
            let message = format!("mismatched input '{}' expecting {expecting}", shown(text, token));
            Self::at(token.position, message + &snippet(text, token))
        })
    }

    fn lexical(text: &str, token: Token) -> Option<Self> {
        let start = text.get(token.start..).unwrap_or_default();
        match token.kind {
            TokenKind::InvalidCharacter => {
                let character = start.chars().next().unwrap_or_default();
                Some(Self::at(token.position, format!("no viable alternative at character '{character}'")))
            }
            TokenKind::Unterminated => {
                let expecting = match start.as_bytes() {
                    [b'\'', ..] => "'''",
                    [b'"', ..] => "'\"'",
                    [b'$', ..] => "'$$'",
                    _ => "'*/'",
                };
                Some(Self::at(token.position, format!("mismatched character '<EOF>' expecting {expecting}")))
            }
            _ => None,
        }
    }
}

fn shown(text: &str, token: Token) -> &str {
    if token.kind == TokenKind::Eof {
        return "<EOF>";
    }
    text.get(token.start..text.floor_char_boundary(token.end.min(token.start + TOKEN_BYTES))).unwrap_or_default()
}

/// The text before the offending token, which stands in brackets; nothing at the end of the text.
fn snippet(text: &str, offending: Token) -> String {
    if offending.kind == TokenKind::Eof {
        return String::new();
    }
    let first = start_of_snippet(text, offending);
    let from = text.floor_char_boundary(first.max(offending.start.saturating_sub(SNIPPET_BYTES)));
    format!(
        " ({}{}[{}]{})",
        if from > 0 { "..." } else { "" },
        text.get(from..offending.start).unwrap_or_default(),
        shown(text, offending),
        if offending.end < text.len() { "..." } else { "" },
    )
}

/// Where the snippet starts: `SNIPPET_TOKENS` before `offending`, where white space counts as a token too.
fn start_of_snippet(text: &str, offending: Token) -> usize {
    let mut lexer = Lexer::new(text);
    let mut starts = VecDeque::with_capacity(SNIPPET_TOKENS + 2);
    let mut end = 0;
    loop {
        let token = lexer.next_token();
        if token.start > end {
            starts.push_back(end);
        }
        if token.start >= offending.start || token.kind == TokenKind::Eof {
            break;
        }
        starts.push_back(token.start);
        end = token.end;
        while starts.len() > SNIPPET_TOKENS {
            starts.pop_front();
        }
    }
    let surplus = starts.len().saturating_sub(SNIPPET_TOKENS);
    starts.get(surplus).copied().unwrap_or(offending.start)
}
