//! The parser's place in the text, and the steps that all rules are made of.

use crate::ast::Position;
use crate::lexer::{Lexer, Token, TokenKind};

use super::SyntaxError;

/// How deeply terms, selectors, types and relations may nest.
pub const MAX_NESTING: usize = 64;

/// How many operators one term or selector may have in all: `a + b + c` is a tree as deep as it has operators.
const MAX_OPERATORS: usize = 256;

/// How many tokens a statement may have, so that 16 bits count its markers. Its tree and its plan take up to some
/// hundred bytes for each.
pub const MAX_TOKENS: usize = u16::MAX as usize;

pub(super) type Parsed<T> = Result<T, SyntaxError>;

/// A parser: a lexer, the token that comes next and what is counted along the way.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    /// Stands after `token`.
    lexer: Lexer<'a>,
    token: Token,
    /// Tokens that were passed.
    pub(super) tokens: usize,
    /// Where there are too many of them.
    pub(super) too_long_at: Option<Position>,
    depth: usize,
    operators: usize,
    pub(super) markers: Vec<Option<String>>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut lexer = Lexer::new(text);
        let token = lexer.next_token();
        Self { lexer, token, tokens: 0, too_long_at: None, depth: 0, operators: 0, markers: Vec::new() }
    }

    /// The token that comes next.
    pub(super) fn token(&self) -> Token {
        self.token
    }

    pub(super) fn kind(&self) -> TokenKind {
        self.token.kind
    }

    pub(super) fn position(&self) -> Position {
        self.token.position
    }

    pub(super) fn text_of(&self, token: Token) -> &'a str {
        self.lexer.text().get(token.start..token.end).unwrap_or_default()
    }

    pub(super) fn advance(&mut self) -> Token {
        let passed = self.token;
        self.token = self.lexer.next_token();
        self.tokens += 1;
        if self.tokens == MAX_TOKENS {
            self.too_long_at = Some(self.token.position);
        }
        if self.too_long_at.is_some() {
            // No rule goes on beyond the end.
            self.token.kind = TokenKind::Eof;
        }
        passed
    }

    /// The tokens after the next one.
    pub(super) fn ahead<const N: usize>(&self) -> [Token; N] {
        let mut lexer = self.lexer;
        std::array::from_fn(|_| lexer.next_token())
    }

    /// The kind of the token after the next one.
    pub(super) fn second_kind(&self) -> TokenKind {
        let [second] = self.ahead();
        second.kind
    }

    pub(super) fn at(&self, kind: TokenKind) -> bool {
        self.token.kind == kind
    }

    pub(super) fn accept(&mut self, kind: TokenKind) -> bool {
        let found = self.at(kind);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect(&mut self, kind: TokenKind) -> Parsed<Token> {
        if self.at(kind) { Ok(self.advance()) } else { Err(self.mismatched(kind.describe())) }
    }

    pub(super) fn is_word(&self, token: Token, word: &str) -> bool {
        token.kind == TokenKind::Word && self.text_of(token).eq_ignore_ascii_case(word)
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        self.is_word(self.token, word)
    }

    /// Whether the next two tokens are these words.
    pub(super) fn at_words(&self, first: &str, second: &str) -> bool {
        self.at_word(first) && {
            let [token] = self.ahead();
            self.is_word(token, second)
        }
    }

    pub(super) fn accept_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn accept_words(&mut self, first: &str, second: &str) -> bool {
        let found = self.at_words(first, second);
        if found {
            self.advance();
            self.advance();
        }
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Parsed<Token> {
        if self.at_word(word) {
            Ok(self.advance())
        } else {
            Err(self.mismatched(&format!("K_{}", word.to_ascii_uppercase())))
        }
    }

    /// TABLE or its old name.
    pub(super) fn accept_table(&mut self) -> bool {
        self.accept_word("table") || self.accept_word("columnfamily")
    }

    /// KEYSPACE or its other name.
    pub(super) fn accept_keyspace(&mut self) -> bool {
        self.accept_word("keyspace") || self.accept_word("schema")
    }

    pub(super) fn accept_if_exists(&mut self) -> Parsed<bool> {
        let found = self.accept_word("if");
        if found {
            self.expect_word("exists")?;
        }
        Ok(found)
    }

    pub(super) fn accept_if_not_exists(&mut self) -> Parsed<bool> {
        let found = self.accept_word("if");
        if found {
            self.expect_word("not")?;
            self.expect_word("exists")?;
        }
        Ok(found)
    }

    /// One or more items with commas between.
    pub(super) fn comma_separated<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.accept(TokenKind::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Items with commas between, perhaps none, up to and with `close`.
    pub(super) fn items_until<T>(
        &mut self,
        close: TokenKind,
        item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        if self.accept(close) {
            return Ok(Vec::new());
        }
        let items = self.comma_separated(item)?;
        self.expect(close)?;
        Ok(items)
    }

    /// One or more items in parentheses.
    pub(super) fn in_parens<T>(&mut self, item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect(TokenKind::LeftParen)?;
        let items = self.comma_separated(item)?;
        self.expect(TokenKind::RightParen)?;
        Ok(items)
    }

    /// Runs a rule that can contain itself, one level deeper.
    pub(super) fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_NESTING {
            return Err(self.error(format!("nested deeper than {MAX_NESTING} levels")));
        }
        if self.depth == 0 {
            self.operators = 0;
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// Counts an operator of the outermost term or selector.
    pub(super) fn count_operator(&mut self) -> Parsed<()> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            return Err(self.error(format!("more than {MAX_OPERATORS} operators in one term")));
        }
        Ok(())
    }

    pub(super) fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::at(self.token.position, message)
    }

    pub(super) fn unexpected(&self) -> SyntaxError {
        SyntaxError::no_viable_alternative(self.lexer.text(), self.token)
    }

    pub(super) fn mismatched(&self, expecting: &str) -> SyntaxError {
        SyntaxError::mismatched(self.lexer.text(), self.token, expecting)
    }
}
