//! WHERE and IF.

use crate::ast::{
    Condition, ConditionPart, ConditionTest, Identifier, IfClause, InValues, Operator, Relation, RelationKind, Term,
    TermKind,
};
use crate::lexer::TokenKind;

use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// WHERE.
    pub(super) fn where_clause(&mut self) -> Parsed<Vec<Relation>> {
        self.expect_word("where")?;
        let mut relations = vec![self.relation()?];
        while self.accept_word("and") {
            relations.push(self.relation()?);
        }
        Ok(relations)
    }

    fn relation(&mut self) -> Parsed<Relation> {
        let position = self.position();
        let kind = match self.kind() {
            TokenKind::LeftParen => {
                let [name, after] = self.ahead();
                let is_tuple = self.is_name(name) && matches!(after.kind, TokenKind::Comma | TokenKind::RightParen);
                if !is_tuple {
                    self.advance();
                    let inner = self.nested(Self::relation)?;
                    self.expect(TokenKind::RightParen)?;
                    return Ok(inner);
                }
                self.tuple_relation()?
            }
            _ if self.at_word("token") => {
                self.advance();
                let columns = self.in_parens(Self::column_name)?;
                RelationKind::Token { columns, operator: self.comparison()?, value: self.term()? }
            }
            _ if self.at_word("expr") && self.second_kind() == TokenKind::LeftParen => {
                self.advance();
                self.advance();
                let index = self.object_name("index")?;
                self.expect(TokenKind::Comma)?;
                let value = self.term()?;
                self.expect(TokenKind::RightParen)?;
                RelationKind::Expression { index, value }
            }
            _ => {
                let column = self.column_name()?;
                self.column_relation(column)?
            }
        };
        Ok(Relation { kind, position })
    }

    fn column_relation(&mut self, column: Identifier) -> Parsed<RelationKind> {
        if self.accept(TokenKind::LeftBracket) {
            let key = self.term()?;
            self.expect(TokenKind::RightBracket)?;
            return Ok(RelationKind::Element { column, key, operator: self.comparison()?, value: self.term()? });
        }
        if self.accept_word("in") {
            return Ok(RelationKind::In { column, values: self.in_values(Self::term)? });
        }
        if self.accept_word("is") {
            self.expect_word("not")?;
            self.expect_word("null")?;
            return Ok(RelationKind::IsNotNull { column });
        }
        let operator = if self.accept_word("like") { Operator::Like } else { self.comparison_or_contains()? };
        Ok(RelationKind::Column { column, operator, value: self.term()? })
    }

    fn tuple_relation(&mut self) -> Parsed<RelationKind> {
        let columns = self.in_parens(Self::column_name)?;
        if self.accept_word("in") {
            return Ok(RelationKind::TupleIn { columns, values: self.in_values(Self::tuple_or_marker)? });
        }
        Ok(RelationKind::Tuple { columns, operator: self.comparison()?, value: self.tuple_or_marker()? })
    }

    fn tuple_or_marker(&mut self) -> Parsed<Term> {
        let position = self.position();
        let kind = if self.at_marker() { TermKind::Marker(self.marker()?) } else { TermKind::Tuple(self.tuple()?) };
        Ok(Term { kind, position })
    }

    fn in_values(&mut self, value: impl FnMut(&mut Self) -> Parsed<Term>) -> Parsed<InValues> {
        let position = self.position();
        if self.at_marker() {
            return Ok(InValues::Marker { marker: self.marker()?, position });
        }
        if !self.accept(TokenKind::LeftParen) {
            return Err(self.unexpected());
        }
        Ok(InValues::List(self.items_until(TokenKind::RightParen, value)?))
    }

    fn comparison(&mut self) -> Parsed<Operator> {
        let operator = match self.kind() {
            TokenKind::Eq => Operator::Eq,
            TokenKind::NotEq => Operator::NotEq,
            TokenKind::Lt => Operator::Lt,
            TokenKind::LtEq => Operator::LtEq,
            TokenKind::Gt => Operator::Gt,
            TokenKind::GtEq => Operator::GtEq,
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(operator)
    }

    fn comparison_or_contains(&mut self) -> Parsed<Operator> {
        if self.accept_words("contains", "key") {
            Ok(Operator::ContainsKey)
        } else if self.accept_word("contains") {
            Ok(Operator::Contains)
        } else {
            self.comparison()
        }
    }

    /// IF EXISTS or IF conditions, if there is an IF.
    pub(super) fn optional_if(&mut self) -> Parsed<Option<IfClause>> {
        if !self.accept_word("if") {
            return Ok(None);
        }
        if self.at_word("exists")
            && matches!(self.second_kind(), TokenKind::Semicolon | TokenKind::Eof | TokenKind::Word)
        {
            let [next] = self.ahead();
            let is_column = ["in", "contains"].iter().any(|word| self.is_word(next, word));
            if !is_column {
                self.advance();
                return Ok(Some(IfClause::Exists));
            }
        }
        let mut conditions = vec![self.condition()?];
        while self.accept_word("and") {
            conditions.push(self.condition()?);
        }
        Ok(Some(IfClause::Conditions(conditions)))
    }

    fn condition(&mut self) -> Parsed<Condition> {
        let column = self.column_name()?;
        let part = if self.accept(TokenKind::LeftBracket) {
            let key = self.term()?;
            self.expect(TokenKind::RightBracket)?;
            ConditionPart::Element(key)
        } else if self.accept(TokenKind::Dot) {
            ConditionPart::Field(self.name()?)
        } else {
            ConditionPart::Whole
        };
        let test = if self.accept_word("in") {
            ConditionTest::In(self.in_values(Self::term)?)
        } else {
            let operator =
                if part == ConditionPart::Whole { self.comparison_or_contains()? } else { self.comparison()? };
            ConditionTest::Compare(operator, self.term()?)
        };
        Ok(Condition { column, part, test })
    }
}
