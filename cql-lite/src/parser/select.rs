//! SELECT.

use crate::ast::{AliasedSelector, Ordering, OrderingKind, Relation, Select, Selection};
use crate::lexer::{Token, TokenKind};

use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// SELECT.
    pub(super) fn select(&mut self) -> Parsed<Select> {
        self.expect_word("select")?;
        let json = self.accept_select_modifier("json");
        let distinct = self.accept_select_modifier("distinct");
        let selection = self.selection()?;
        self.expect_word("from")?;
        Ok(Select {
            json,
            distinct,
            selection,
            table: self.qualified_name()?,
            relations: self.optional_where()?,
            group_by: if self.accept_words("group", "by") { self.comma_separated(Self::selector)? } else { Vec::new() },
            order_by: if self.accept_word("order") {
                self.expect_word("by")?;
                self.comma_separated(Self::ordering)?
            } else {
                Vec::new()
            },
            per_partition_limit: if self.accept_word("per") {
                self.expect_word("partition")?;
                self.expect_word("limit")?;
                Some(self.int_value()?)
            } else {
                None
            },
            limit: if self.accept_word("limit") { Some(self.int_value()?) } else { None },
            allow_filtering: if self.accept_word("allow") {
                self.expect_word("filtering")?;
                true
            } else {
                false
            },
        })
    }

    /// JSON or DISTINCT, which are also names of columns: a selector has to follow.
    fn accept_select_modifier(&mut self, word: &str) -> bool {
        if !self.at_word(word) {
            return false;
        }
        let [next, after] = self.ahead();
        let is_modifier = if self.is_word(next, "as") {
            // `SELECT json AS x FROM`, not `SELECT JSON as FROM`.
            self.is_word(after, "from") || after.kind == TokenKind::Comma
        } else {
            self.starts_selector(next)
        };
        if is_modifier {
            self.advance();
        }
        is_modifier
    }

    fn starts_selector(&self, token: Token) -> bool {
        match token.kind {
            TokenKind::Word => !self.is_word(token, "from"),
            TokenKind::Comma | TokenKind::Dot | TokenKind::LeftBracket | TokenKind::Plus => false,
            TokenKind::Slash | TokenKind::Percent | TokenKind::Eof => false,
            _ => true,
        }
    }

    /// `*` or selectors.
    pub(super) fn selection(&mut self) -> Parsed<Selection> {
        if self.accept(TokenKind::Star) {
            return Ok(Selection::All);
        }
        Ok(Selection::Selectors(self.comma_separated(|parser| {
            let selector = parser.selector()?;
            let alias = if parser.accept_word("as") { Some(parser.name()?) } else { None };
            Ok(AliasedSelector { selector, alias })
        })?))
    }

    /// A WHERE clause, if there is one.
    pub(super) fn optional_where(&mut self) -> Parsed<Vec<Relation>> {
        if self.at_word("where") { self.where_clause() } else { Ok(Vec::new()) }
    }

    fn ordering(&mut self) -> Parsed<Ordering> {
        let column = self.column_name()?;
        let kind = if self.accept_word("ann") {
            self.expect_word("of")?;
            let vector = self.term()?;
            self.accept_word("asc");
            OrderingKind::NearestTo(vector)
        } else if self.accept_word("desc") {
            OrderingKind::Descending
        } else {
            self.accept_word("asc");
            OrderingKind::Ascending
        };
        Ok(Ordering { column, kind })
    }
}
