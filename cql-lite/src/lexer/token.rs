//! Tokens.

use crate::ast::Position;

/// A token: what it is and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Offset of its first byte in the text.
    pub start: usize,
    /// Offset after its last byte in the text.
    pub end: usize,
    /// Line and column of its start.
    pub position: Position,
}

/// The kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// An unquoted name or a keyword.
    Word,
    /// `"name"`
    QuotedName,
    /// `'text'`
    String,
    /// `$$text$$`
    DollarString,
    /// Digits.
    Integer,
    /// A number with a point or an exponent.
    Float,
    /// `0x...`
    Blob,
    /// A UUID.
    Uuid,
    /// A duration.
    Duration,
    /// `?`
    QuestionMark,
    /// `:`
    Colon,
    /// `;`
    Semicolon,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `..`
    Range,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `[`
    LeftBracket,
    /// `]`
    RightBracket,
    /// `{`
    LeftBrace,
    /// `}`
    RightBrace,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `%`
    Percent,
    /// `+=`
    PlusEq,
    /// `-=`
    MinusEq,
    /// `=`
    Eq,
    /// `!=`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
    /// The end of the text.
    Eof,
    /// A character that starts no token.
    InvalidCharacter,
    /// A string, quoted name or comment that does not end.
    Unterminated,
}

impl TokenKind {
    /// The name in error messages, as Cassandra's grammar has it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Word => "IDENT",
            Self::QuotedName => "QUOTED_NAME",
            Self::String | Self::DollarString => "STRING_LITERAL",
            Self::Integer => "INTEGER",
            Self::Float => "FLOAT",
            Self::Blob => "HEXNUMBER",
            Self::Uuid => "UUID",
            Self::Duration => "DURATION",
            Self::QuestionMark => "QMARK",
            Self::Colon => "':'",
            Self::Semicolon => "';'",
            Self::Comma => "','",
            Self::Dot => "'.'",
            Self::Range => "RANGE",
            Self::LeftParen => "'('",
            Self::RightParen => "')'",
            Self::LeftBracket => "'['",
            Self::RightBracket => "']'",
            Self::LeftBrace => "'{'",
            Self::RightBrace => "'}'",
            Self::Plus => "'+'",
            Self::Minus => "'-'",
            Self::Star => "'*'",
            Self::Slash => "'/'",
            Self::Percent => "'%'",
            Self::PlusEq => "'+='",
            Self::MinusEq => "'-='",
            Self::Eq => "'='",
            Self::NotEq => "'!='",
            Self::Lt => "'<'",
            Self::LtEq => "'<='",
            Self::Gt => "'>'",
            Self::GtEq => "'>='",
            Self::Eof => "EOF",
            Self::InvalidCharacter | Self::Unterminated => "<invalid>",
        }
    }
}
