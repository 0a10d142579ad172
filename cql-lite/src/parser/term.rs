//! Terms.

use crate::ast::{ArithmeticOperator, FunctionCall, Term, TermKind};
use crate::lexer::TokenKind;

use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// A term.
    pub(super) fn term(&mut self) -> Parsed<Term> {
        self.nested(|parser| parser.addition(false))
    }

    /// A term that may be followed by `+ column`, which is not part of it.
    pub(super) fn term_before_column(&mut self) -> Parsed<Term> {
        self.nested(|parser| parser.addition(true))
    }

    fn addition(&mut self, before_column: bool) -> Parsed<Term> {
        let mut left = self.multiplication()?;
        loop {
            let operator = match self.kind() {
                TokenKind::Plus if before_column && self.column_follows() => return Ok(left),
                TokenKind::Plus => ArithmeticOperator::Add,
                TokenKind::Minus => ArithmeticOperator::Subtract,
                _ => return Ok(left),
            };
            self.count_operator()?;
            self.advance();
            left = arithmetic(operator, left, self.multiplication()?);
        }
    }

    /// Whether after the next token there is a name that calls no function.
    fn column_follows(&self) -> bool {
        let [name, after] = self.ahead();
        self.is_name(name) && !matches!(after.kind, TokenKind::LeftParen | TokenKind::Dot)
    }

    fn multiplication(&mut self) -> Parsed<Term> {
        let mut left = self.signed_term()?;
        loop {
            let Some(operator) = multiplying_operator(self.kind()) else {
                return Ok(left);
            };
            self.count_operator()?;
            self.advance();
            left = arithmetic(operator, left, self.signed_term()?);
        }
    }

    fn signed_term(&mut self) -> Parsed<Term> {
        let position = self.position();
        if !self.accept(TokenKind::Minus) {
            return self.simple_term();
        }
        if let Some(constant) = self.accept_negative_number() {
            return Ok(Term { kind: TermKind::Constant(constant), position });
        }
        let term = self.nested(Self::signed_term)?;
        Ok(Term { kind: TermKind::Negate(Box::new(term)), position })
    }

    fn simple_term(&mut self) -> Parsed<Term> {
        let position = self.position();
        if let Some(constant) = self.accept_constant() {
            return Ok(Term { kind: TermKind::Constant(constant), position });
        }
        let kind = match self.kind() {
            TokenKind::QuestionMark | TokenKind::Colon => TermKind::Marker(self.marker()?),
            TokenKind::LeftBracket => {
                self.advance();
                TermKind::List(self.items_until(TokenKind::RightBracket, Self::term)?)
            }
            TokenKind::LeftBrace => self.braces()?,
            TokenKind::LeftParen => return self.parenthesized(),
            _ if self.accept_word("null") => TermKind::Null,
            _ if self.at_word("cast") && self.second_kind() == TokenKind::LeftParen => self.cast()?,
            _ if self.at_function() => {
                let name = self.function_name()?;
                self.expect(TokenKind::LeftParen)?;
                let arguments = self.items_until(TokenKind::RightParen, Self::term)?;
                TermKind::Function(FunctionCall { name, arguments })
            }
            _ => return Err(self.unexpected()),
        };
        Ok(Term { kind, position })
    }

    fn cast(&mut self) -> Parsed<TermKind> {
        self.advance();
        self.expect(TokenKind::LeftParen)?;
        let term = Box::new(self.term()?);
        self.expect_word("as")?;
        let type_name = self.native_type()?;
        self.expect(TokenKind::RightParen)?;
        Ok(TermKind::Cast { term, type_name })
    }

    /// A tuple, or a type in parentheses and the term that is to have it.
    fn parenthesized(&mut self) -> Parsed<Term> {
        let position = self.position();
        if self.type_hint_follows(false) {
            self.advance();
            let type_name = self.type_name()?;
            self.expect(TokenKind::RightParen)?;
            let term = Box::new(self.nested(Self::simple_term)?);
            return Ok(Term { kind: TermKind::TypeHint { type_name, term }, position });
        }
        Ok(Term { kind: TermKind::Tuple(self.tuple()?), position })
    }

    /// The elements of a tuple.
    pub(super) fn tuple(&mut self) -> Parsed<Vec<Term>> {
        self.in_parens(Self::term)
    }

    /// Whether the next token, `(`, starts a type hint. With `columns`, a name in parentheses can also be a column.
    pub(super) fn type_hint_follows(&self, columns: bool) -> bool {
        let [first, second, third, fourth, fifth] = self.ahead();
        let closes = |token: crate::lexer::Token| token.kind == TokenKind::RightParen;
        if matches!(first.kind, TokenKind::String | TokenKind::DollarString) {
            return closes(second) && self.starts_simple_term(third);
        }
        if second.kind == TokenKind::Lt {
            return true;
        }
        if !self.is_name(first) {
            return false;
        }
        if second.kind == TokenKind::Dot && self.is_name(third) {
            return closes(fourth) && (!columns || self.starts_simple_term(fifth));
        }
        closes(second) && (!columns || self.starts_simple_term(third))
    }

    fn starts_simple_term(&self, token: crate::lexer::Token) -> bool {
        match token.kind {
            TokenKind::Word => {
                self.is_constant_word(token)
                    || ["null", "token"].iter().any(|word| self.is_word(token, word))
                    || (self.is_name(token) && !self.is_word(token, "as"))
            }
            TokenKind::QuotedName
            | TokenKind::String
            | TokenKind::DollarString
            | TokenKind::Integer
            | TokenKind::Float
            | TokenKind::Blob
            | TokenKind::Uuid
            | TokenKind::Duration
            | TokenKind::QuestionMark
            | TokenKind::Colon
            | TokenKind::LeftParen
            | TokenKind::LeftBracket
            | TokenKind::LeftBrace => true,
            _ => false,
        }
    }

    /// A set, a map or a value of a user-defined type.
    fn braces(&mut self) -> Parsed<TermKind> {
        self.advance();
        if self.accept(TokenKind::RightBrace) {
            return Ok(TermKind::Set(Vec::new()));
        }
        let kind = if self.field_follows() {
            TermKind::UserType(self.comma_separated(|parser| {
                let field = parser.name()?;
                parser.expect(TokenKind::Colon)?;
                Ok((field, parser.term()?))
            })?)
        } else {
            let first = self.term()?;
            if self.accept(TokenKind::Colon) {
                let mut entries = vec![(first, self.term()?)];
                while self.accept(TokenKind::Comma) {
                    let key = self.term()?;
                    self.expect(TokenKind::Colon)?;
                    entries.push((key, self.term()?));
                }
                TermKind::Map(entries)
            } else {
                let mut elements = vec![first];
                while self.accept(TokenKind::Comma) {
                    elements.push(self.term()?);
                }
                TermKind::Set(elements)
            }
        };
        self.expect(TokenKind::RightBrace)?;
        Ok(kind)
    }

    /// Whether the next tokens are `field :`.
    pub(super) fn field_follows(&self) -> bool {
        self.is_name(self.token()) && self.second_kind() == TokenKind::Colon
    }
}

/// The operator of a product.
pub(super) fn multiplying_operator(kind: TokenKind) -> Option<ArithmeticOperator> {
    match kind {
        TokenKind::Star => Some(ArithmeticOperator::Multiply),
        TokenKind::Slash => Some(ArithmeticOperator::Divide),
        TokenKind::Percent => Some(ArithmeticOperator::Modulo),
        _ => None,
    }
}

fn arithmetic(operator: ArithmeticOperator, left: Term, right: Term) -> Term {
    let position = left.position;
    Term { kind: TermKind::Arithmetic { operator, left: Box::new(left), right: Box::new(right) }, position }
}
