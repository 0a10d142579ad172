//! The SET of an UPDATE.

use std::collections::{HashMap, HashSet};

use crate::ast::{Assignment, AssignmentOperation, Identifier};
use crate::lexer::TokenKind;

use super::SyntaxError;
use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// SET.
    pub(super) fn assignments(&mut self) -> Parsed<Vec<Assignment>> {
        self.expect_word("set")?;
        let assignments = self.comma_separated(Self::assignment)?;
        refuse_incompatible(&assignments)?;
        Ok(assignments)
    }

    fn assignment(&mut self) -> Parsed<Assignment> {
        let column = self.column_name()?;
        let operation = match self.kind() {
            TokenKind::Eq => {
                self.advance();
                self.assigned_value(&column)?
            }
            TokenKind::PlusEq => {
                self.advance();
                AssignmentOperation::Add(self.term()?)
            }
            TokenKind::MinusEq => {
                self.advance();
                AssignmentOperation::Subtract(self.term()?)
            }
            TokenKind::LeftBracket => {
                self.advance();
                let key = self.term()?;
                self.expect(TokenKind::RightBracket)?;
                self.expect(TokenKind::Eq)?;
                AssignmentOperation::SetElement { key, value: self.term()? }
            }
            TokenKind::Dot => {
                self.advance();
                let field = self.name()?;
                self.expect(TokenKind::Eq)?;
                AssignmentOperation::SetField { field, value: self.term()? }
            }
            _ => return Err(self.unexpected()),
        };
        Ok(Assignment { column, operation })
    }

    /// What stands after `column =`.
    fn assigned_value(&mut self, column: &Identifier) -> Parsed<AssignmentOperation> {
        let starts_with_column = self.is_name(self.token())
            && !self.at_function()
            && matches!(self.second_kind(), TokenKind::Plus | TokenKind::Minus);
        if !starts_with_column {
            let term = self.term_before_column()?;
            if !self.accept(TokenKind::Plus) {
                return Ok(AssignmentOperation::Set(term));
            }
            let other = self.column_name()?;
            if other.name != column.name {
                let message = "Only expressions of the form X = <value> + X are supported.";
                return Err(SyntaxError::at(other.position, message));
            }
            return Ok(AssignmentOperation::Prepend(term));
        }
        let other = self.column_name()?;
        let adds = self.advance().kind == TokenKind::Plus;
        if other.name != column.name {
            let sign = if adds { '+' } else { '-' };
            let message = format!("Only expressions of the form X = X {sign} <value> are supported.");
            return Err(SyntaxError::at(other.position, message));
        }
        let term = self.term()?;
        Ok(if adds { AssignmentOperation::Add(term) } else { AssignmentOperation::Subtract(term) })
    }
}

/// What an UPDATE has done to a column so far.
#[derive(Default)]
struct Assigned {
    whole: bool,
    parts: bool,
}

/// A column can be assigned to more than once only in parts: elements, different fields, additions.
fn refuse_incompatible(assignments: &[Assignment]) -> Parsed<()> {
    if assignments.len() < 2 {
        return Ok(());
    }
    let mut columns: HashMap<&str, Assigned> = HashMap::new();
    let mut fields = HashSet::new();
    for Assignment { column, operation } in assignments {
        let assigned = columns.entry(column.as_str()).or_default();
        let clashes = match operation {
            AssignmentOperation::Set(_) => assigned.whole || assigned.parts,
            AssignmentOperation::SetField { field, .. } => {
                assigned.whole || !fields.insert((column.as_str(), field.as_str()))
            }
            _ => assigned.whole,
        };
        if clashes {
            let message = format!("Multiple incompatible setting of column {column}");
            return Err(SyntaxError::at(column.position, message));
        }
        match operation {
            AssignmentOperation::Set(_) => assigned.whole = true,
            _ => assigned.parts = true,
        }
    }
    Ok(())
}
