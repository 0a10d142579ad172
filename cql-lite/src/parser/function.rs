//! CREATE and DROP of functions and aggregates.

use crate::ast::{CreateAggregate, CreateFunction, DropFunction};
use crate::lexer::TokenKind;

use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// CREATE FUNCTION, from after these words.
    pub(super) fn create_function(&mut self, or_replace: bool) -> Parsed<CreateFunction> {
        let if_not_exists = self.accept_if_not_exists()?;
        let name = self.function_name()?;
        self.expect(TokenKind::LeftParen)?;
        let arguments = self.items_until(TokenKind::RightParen, Self::field)?;
        let called_on_null_input = self.accept_word("called");
        if !called_on_null_input {
            if !self.accept_word("returns") {
                return Err(self.unexpected());
            }
            self.expect_word("null")?;
        }
        for word in ["on", "null", "input", "returns"] {
            self.expect_word(word)?;
        }
        let returns = self.type_name()?;
        self.expect_word("language")?;
        let language = self.name()?;
        self.expect_word("as")?;
        let body = self.string()?;
        Ok(CreateFunction { or_replace, if_not_exists, name, arguments, called_on_null_input, returns, language, body })
    }

    /// CREATE AGGREGATE, from after these words.
    pub(super) fn create_aggregate(&mut self, or_replace: bool) -> Parsed<CreateAggregate> {
        let if_not_exists = self.accept_if_not_exists()?;
        let name = self.function_name()?;
        self.expect(TokenKind::LeftParen)?;
        let argument_types = self.items_until(TokenKind::RightParen, Self::type_name)?;
        self.expect_word("sfunc")?;
        let state_function = self.simple_function_name()?;
        self.expect_word("stype")?;
        let state_type = self.type_name()?;
        let final_function = if self.accept_word("finalfunc") { Some(self.simple_function_name()?) } else { None };
        let initial_state = if self.accept_word("initcond") { Some(self.term()?) } else { None };
        Ok(CreateAggregate {
            or_replace,
            if_not_exists,
            name,
            argument_types,
            state_function,
            state_type,
            final_function,
            initial_state,
        })
    }

    /// DROP FUNCTION or DROP AGGREGATE, from after these words.
    pub(super) fn drop_function(&mut self) -> Parsed<DropFunction> {
        let if_exists = self.accept_if_exists()?;
        let name = self.function_name()?;
        let argument_types = if self.accept(TokenKind::LeftParen) {
            Some(self.items_until(TokenKind::RightParen, Self::type_name)?)
        } else {
            None
        };
        Ok(DropFunction { if_exists, name, argument_types })
    }
}
