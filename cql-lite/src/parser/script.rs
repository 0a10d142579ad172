//! Scripts of several statements.

use crate::lexer::{Lexer, Token, TokenKind};

/// A script taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script<'a> {
    /// The statements that end in a semicolon, without it. Empty ones are left out.
    pub statements: Vec<ScriptStatement<'a>>,
    /// What stands after the last semicolon, if it is more than white space and comments: a statement that is not
    /// complete, or lacks its semicolon.
    pub rest: Option<ScriptStatement<'a>>,
}

/// A statement of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptStatement<'a> {
    /// Its text from its first token to its last.
    pub text: &'a str,
    /// Where in the script it starts, in bytes.
    pub offset: usize,
}

/// Splits a script at the semicolons that end statements: not those in strings, quoted names, comments and batches.
/// The statements need not be valid.
pub fn split_statements(script: &str) -> Script<'_> {
    let mut lexer = Lexer::new(script);
    let mut found = Script::default();
    let mut current: Option<Current> = None;
    loop {
        let token = lexer.next_token();
        if token.kind == TokenKind::Eof {
            break;
        }
        let text = script.get(token.start..token.end).unwrap_or_default();
        match &mut current {
            Some(statement) if token.kind == TokenKind::Semicolon && !statement.in_batch => {
                found.statements.push(statement.text_in(script));
                current = None;
            }
            Some(statement) => statement.push(token, text),
            None if token.kind == TokenKind::Semicolon => {}
            None => current = Some(Current::new(token, text)),
        }
    }
    found.rest = current.map(|statement| statement.text_in(script));
    found
}

/// The statement that is being read.
struct Current {
    start: usize,
    end: usize,
    tokens: usize,
    /// Its first word is BEGIN and only UNLOGGED or COUNTER followed so far.
    begins: bool,
    in_batch: bool,
    /// The last token was APPLY.
    applies: bool,
}

impl Current {
    fn new(token: Token, text: &str) -> Self {
        let begins = is_word(token, text, "begin");
        Self { start: token.start, end: token.end, tokens: 1, begins, in_batch: false, applies: false }
    }

    fn push(&mut self, token: Token, text: &str) {
        self.end = token.end;
        self.tokens += 1;
        let is = |word| is_word(token, text, word);
        if self.begins {
            self.in_batch = is("batch");
            self.begins = self.tokens == 2 && (is("unlogged") || is("counter"));
        } else if self.in_batch {
            self.in_batch = !(self.applies && is("batch"));
            self.applies = is("apply");
        }
    }

    fn text_in<'a>(&self, script: &'a str) -> ScriptStatement<'a> {
        ScriptStatement { text: script.get(self.start..self.end).unwrap_or_default(), offset: self.start }
    }
}

fn is_word(token: Token, text: &str, word: &str) -> bool {
    token.kind == TokenKind::Word && text.eq_ignore_ascii_case(word)
}
