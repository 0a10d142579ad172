//! Selectors: what a SELECT gives for a row.

use crate::ast::{ArithmeticOperator, Constant, Position, Selector, SelectorKind, Term, TermKind};
use crate::lexer::TokenKind;

use super::cursor::{Parsed, Parser};
use super::term::multiplying_operator;

impl Parser<'_> {
    /// A selector without an alias.
    pub(super) fn selector(&mut self) -> Parsed<Selector> {
        self.nested(Self::selector_addition)
    }

    fn selector_addition(&mut self) -> Parsed<Selector> {
        let mut left = self.selector_multiplication()?;
        loop {
            let operator = match self.kind() {
                TokenKind::Plus => ArithmeticOperator::Add,
                TokenKind::Minus => ArithmeticOperator::Subtract,
                _ => return Ok(left),
            };
            self.count_operator()?;
            self.advance();
            left = arithmetic(operator, left, self.selector_multiplication()?);
        }
    }

    fn selector_multiplication(&mut self) -> Parsed<Selector> {
        let mut left = self.signed_selector()?;
        loop {
            let Some(operator) = multiplying_operator(self.kind()) else {
                return Ok(left);
            };
            self.count_operator()?;
            self.advance();
            left = arithmetic(operator, left, self.signed_selector()?);
        }
    }

    fn signed_selector(&mut self) -> Parsed<Selector> {
        let position = self.position();
        if !self.accept(TokenKind::Minus) {
            let simple = self.simple_selector()?;
            return self.selector_modifiers(simple);
        }
        if let Some(constant) = self.accept_negative_number() {
            return Ok(constant_selector(constant, position));
        }
        let selector = self.nested(Self::signed_selector)?;
        Ok(Selector { kind: SelectorKind::Negate(Box::new(selector)), position })
    }

    /// Fields, elements and slices after a selector.
    fn selector_modifiers(&mut self, mut base: Selector) -> Parsed<Selector> {
        loop {
            let position = base.position;
            let kind = if self.accept(TokenKind::Dot) {
                SelectorKind::Field { base: Box::new(base), field: self.name()? }
            } else if self.accept(TokenKind::LeftBracket) {
                let kind = self.element_or_slice(base)?;
                self.expect(TokenKind::RightBracket)?;
                kind
            } else {
                return Ok(base);
            };
            self.count_operator()?;
            base = Selector { kind, position };
        }
    }

    fn element_or_slice(&mut self, base: Selector) -> Parsed<SelectorKind> {
        let base = Box::new(base);
        if self.accept(TokenKind::Range) {
            return Ok(SelectorKind::Slice { base, from: None, to: Some(Box::new(self.term()?)) });
        }
        let first = Box::new(self.term()?);
        if !self.accept(TokenKind::Range) {
            return Ok(SelectorKind::Element { base, key: first });
        }
        let to = if self.at(TokenKind::RightBracket) { None } else { Some(Box::new(self.term()?)) };
        Ok(SelectorKind::Slice { base, from: Some(first), to })
    }

    fn simple_selector(&mut self) -> Parsed<Selector> {
        let position = self.position();
        if let Some(constant) = self.accept_constant() {
            return Ok(constant_selector(constant, position));
        }
        let kind = match self.kind() {
            TokenKind::QuestionMark | TokenKind::Colon => {
                SelectorKind::Term(Term { kind: TermKind::Marker(self.marker()?), position })
            }
            TokenKind::LeftBracket => {
                self.advance();
                SelectorKind::List(self.items_until(TokenKind::RightBracket, Self::selector)?)
            }
            TokenKind::LeftBrace => self.selector_braces()?,
            TokenKind::LeftParen => self.selector_parentheses()?,
            _ if self.accept_word("null") => SelectorKind::Term(Term { kind: TermKind::Null, position }),
            _ if self.second_kind() == TokenKind::LeftParen => self.special_function()?,
            _ if self.at_function() => self.selector_function()?,
            _ => SelectorKind::Column(self.name()?),
        };
        Ok(Selector { kind, position })
    }

    /// A word and `(`.
    fn special_function(&mut self) -> Parsed<SelectorKind> {
        if self.at_word("count") {
            let [_, argument, close] = self.ahead();
            let counts_rows = argument.kind == TokenKind::Star || self.text_of(argument) == "1";
            if counts_rows && close.kind == TokenKind::RightParen {
                for _ in 0..4 {
                    self.advance();
                }
                return Ok(SelectorKind::CountAll);
            }
            return self.selector_function();
        }
        let of_cell: Option<fn(Box<Selector>) -> SelectorKind> = if self.at_word("writetime") {
            Some(SelectorKind::WriteTime)
        } else if self.at_word("maxwritetime") {
            Some(SelectorKind::MaxWriteTime)
        } else if self.at_word("ttl") {
            Some(SelectorKind::Ttl)
        } else {
            None
        };
        if let Some(of_cell) = of_cell {
            self.advance();
            self.advance();
            let position = self.position();
            let column = Selector { kind: SelectorKind::Column(self.name()?), position };
            let selector = self.selector_modifiers(column)?;
            self.expect(TokenKind::RightParen)?;
            return Ok(of_cell(Box::new(selector)));
        }
        if self.accept_word("cast") {
            self.expect(TokenKind::LeftParen)?;
            let selector = Box::new(self.selector()?);
            self.expect_word("as")?;
            let type_name = self.native_type()?;
            self.expect(TokenKind::RightParen)?;
            return Ok(SelectorKind::Cast { selector, type_name });
        }
        if self.at_function() { self.selector_function() } else { Err(self.unexpected()) }
    }

    fn selector_function(&mut self) -> Parsed<SelectorKind> {
        let name = self.function_name()?;
        self.expect(TokenKind::LeftParen)?;
        let arguments = self.items_until(TokenKind::RightParen, Self::selector)?;
        Ok(SelectorKind::Function { name, arguments })
    }

    fn selector_parentheses(&mut self) -> Parsed<SelectorKind> {
        if self.type_hint_follows(true) {
            self.advance();
            let type_name = self.type_name()?;
            self.expect(TokenKind::RightParen)?;
            let selector = Box::new(self.nested(Self::simple_selector)?);
            return Ok(SelectorKind::TypeHint { type_name, selector });
        }
        Ok(SelectorKind::Tuple(self.in_parens(Self::selector)?))
    }

    fn selector_braces(&mut self) -> Parsed<SelectorKind> {
        self.advance();
        if self.accept(TokenKind::RightBrace) {
            return Ok(SelectorKind::Set(Vec::new()));
        }
        let kind = if self.field_follows() {
            SelectorKind::UserType(self.comma_separated(|parser| {
                let field = parser.name()?;
                parser.expect(TokenKind::Colon)?;
                Ok((field, parser.selector()?))
            })?)
        } else {
            let first = self.selector()?;
            if self.accept(TokenKind::Colon) {
                let mut entries = vec![(first, self.selector()?)];
                while self.accept(TokenKind::Comma) {
                    let key = self.selector()?;
                    self.expect(TokenKind::Colon)?;
                    entries.push((key, self.selector()?));
                }
                SelectorKind::Map(entries)
            } else {
                let mut elements = vec![first];
                while self.accept(TokenKind::Comma) {
                    elements.push(self.selector()?);
                }
                SelectorKind::Set(elements)
            }
        };
        self.expect(TokenKind::RightBrace)?;
        Ok(kind)
    }
}

fn constant_selector(constant: Constant, position: Position) -> Selector {
    let term = Term { kind: TermKind::Constant(constant), position };
    Selector { kind: SelectorKind::Term(term), position }
}

fn arithmetic(operator: ArithmeticOperator, left: Selector, right: Selector) -> Selector {
    let position = left.position;
    Selector { kind: SelectorKind::Arithmetic { operator, left: Box::new(left), right: Box::new(right) }, position }
}
