//! Syntax errors, worded as Cassandra's.

use crate::ast::Position;
use crate::lexer::{Lexer, Token, TokenKind};

/// How many tokens around the offending one the message shows.
const SNIPPET_TOKENS: usize = 5;
/// How many bytes around the offending token the message shows at most.
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
        Self {
            line: position.line,
            column: position.column,
            message: message.into(),
        }
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
            let message = format!(
                "mismatched input '{}' expecting {expecting}",
                shown(text, token)
            );
            Self::at(token.position, message + &snippet(text, token))
        })
    }

    fn lexical(text: &str, token: Token) -> Option<Self> {
        let start = text.get(token.start..).unwrap_or_default();
        match token.kind {
            TokenKind::InvalidCharacter => {
                let character = start.chars().next().unwrap_or_default();
                Some(Self::at(
                    token.position,
                    format!("no viable alternative at character '{character}'"),
                ))
            }
            TokenKind::Unterminated => {
                let expecting = match start.as_bytes() {
                    [b'\'', ..] => "'''",
                    [b'"', ..] => "'\"'",
                    [b'$', ..] => "'$$'",
                    _ => "'*/'",
                };
                Some(Self::at(
                    token.position,
                    format!("mismatched character '<EOF>' expecting {expecting}"),
                ))
            }
            _ => None,
        }
    }
}

fn shown(text: &str, token: Token) -> &str {
    if token.kind == TokenKind::Eof {
        return "<EOF>";
    }
    text.get(token.start..text.floor_char_boundary(token.end.min(token.start + TOKEN_BYTES)))
        .unwrap_or_default()
}

/// The text around the offending token, which stands in brackets; nothing at the end of the text.
fn snippet(text: &str, offending: Token) -> String {
    if offending.kind == TokenKind::Eof {
        return String::new();
    }
    let mut lexer = Lexer::new(text);
    let mut starts = [0; SNIPPET_TOKENS];
    let mut seen = 0;
    loop {
        let token = lexer.next_token();
        if token.start >= offending.start || token.kind == TokenKind::Eof {
            break;
        }
        if let Some(slot) = starts.get_mut(seen % SNIPPET_TOKENS) {
            *slot = token.start;
        }
        seen += 1;
    }
    let first = if seen < SNIPPET_TOKENS {
        0
    } else {
        starts.get(seen % SNIPPET_TOKENS).copied().unwrap_or(0)
    };
    let from = text.floor_char_boundary(first.max(offending.start.saturating_sub(SNIPPET_BYTES)));
    let mut to = offending.end;
    for _ in 0..SNIPPET_TOKENS {
        to = to.max(lexer.next_token().end);
    }
    let to = text.floor_char_boundary(to.min(offending.end + SNIPPET_BYTES));
    format!(
        " ({}{}[{}]{}{})",
        if from > 0 { "..." } else { "" },
        text.get(from..offending.start).unwrap_or_default(),
        shown(text, offending),
        text.get(offending.end..to).unwrap_or_default(),
        if text
            .get(to..)
            .is_some_and(|rest| !rest.trim_end().is_empty())
        {
            "..."
        } else {
            ""
        },
    )
}
