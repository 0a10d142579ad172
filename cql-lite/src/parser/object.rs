//! CREATE, ALTER and DROP of types, indexes, views and triggers.

use crate::ast::{
    AlterType, AlterView, CreateIndex, CreateTrigger, CreateType, CreateView, DropObject, DropTrigger, Identifier,
    IndexTarget, IndexTargetKind, TypeChange, TypeName,
};
use crate::lexer::TokenKind;

use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// CREATE TYPE, from after these words.
    pub(super) fn create_type(&mut self) -> Parsed<CreateType> {
        let if_not_exists = self.accept_if_not_exists()?;
        let name = self.user_type_name()?;
        self.expect(TokenKind::LeftParen)?;
        let mut fields = vec![self.field()?];
        while self.accept(TokenKind::Comma) {
            if !matches!(self.kind(), TokenKind::Comma | TokenKind::RightParen) {
                fields.push(self.field()?);
            }
        }
        self.expect(TokenKind::RightParen)?;
        Ok(CreateType { name, if_not_exists, fields })
    }

    /// A name and a type.
    pub(super) fn field(&mut self) -> Parsed<(Identifier, TypeName)> {
        Ok((self.name()?, self.type_name()?))
    }

    /// ALTER TYPE, from after these words.
    pub(super) fn alter_type(&mut self) -> Parsed<AlterType> {
        let if_exists = self.accept_if_exists()?;
        let name = self.user_type_name()?;
        let change = if self.accept_word("add") {
            let if_not_exists = self.accept_if_not_exists()?;
            let (field, type_name) = self.field()?;
            TypeChange::Add { if_not_exists, field, type_name }
        } else if self.accept_word("rename") {
            let if_exists = self.accept_if_exists()?;
            TypeChange::Rename { if_exists, names: self.renames()? }
        } else if self.accept_word("alter") {
            let field = self.name()?;
            self.expect_word("type")?;
            TypeChange::AlterType { field, type_name: self.type_name()? }
        } else {
            return Err(self.unexpected());
        };
        Ok(AlterType { name, if_exists, change })
    }

    /// DROP TYPE, from after these words.
    pub(super) fn drop_type(&mut self) -> Parsed<DropObject> {
        let if_exists = self.accept_if_exists()?;
        Ok(DropObject { name: self.user_type_name()?, if_exists })
    }

    /// CREATE INDEX, from after these words.
    pub(super) fn create_index(&mut self, custom: bool) -> Parsed<CreateIndex> {
        let if_not_exists = self.accept_if_not_exists()?;
        let name = if self.at_word("on") { None } else { Some(self.object_name("index")?) };
        self.expect_word("on")?;
        let table = self.qualified_name()?;
        self.expect(TokenKind::LeftParen)?;
        let targets = self.items_until(TokenKind::RightParen, Self::index_target)?;
        let using = if self.accept_word("using") { Some(self.string()?) } else { None };
        let properties = if self.accept_word("with") { self.properties()? } else { Vec::new() };
        Ok(CreateIndex { name, if_not_exists, custom, table, targets, using, properties })
    }

    fn index_target(&mut self) -> Parsed<IndexTarget> {
        let kind = if self.second_kind() != TokenKind::LeftParen {
            IndexTargetKind::Simple
        } else if self.at_word("values") {
            IndexTargetKind::Values
        } else if self.at_word("keys") {
            IndexTargetKind::Keys
        } else if self.at_word("entries") {
            IndexTargetKind::Entries
        } else if self.at_word("full") {
            IndexTargetKind::Full
        } else {
            return Err(self.unexpected());
        };
        if kind == IndexTargetKind::Simple {
            return Ok(IndexTarget { kind, column: self.column_name()? });
        }
        self.advance();
        self.advance();
        let column = self.column_name()?;
        self.expect(TokenKind::RightParen)?;
        Ok(IndexTarget { kind, column })
    }

    /// CREATE MATERIALIZED VIEW, from after these words.
    pub(super) fn create_view(&mut self) -> Parsed<CreateView> {
        let if_not_exists = self.accept_if_not_exists()?;
        let name = self.qualified_name()?;
        self.expect_word("as")?;
        self.expect_word("select")?;
        let selection = self.selection()?;
        self.expect_word("from")?;
        let table = self.qualified_name()?;
        let relations = self.optional_where()?;
        let primary_key = self.primary_key()?;
        let with = self.optional_table_properties()?;
        Ok(CreateView {
            name,
            if_not_exists,
            selection,
            table,
            relations,
            primary_key,
            properties: with.properties,
            compact_storage: with.compact_storage,
            clustering_order: with.clustering_order,
        })
    }

    /// ALTER MATERIALIZED VIEW, from after these words.
    pub(super) fn alter_view(&mut self) -> Parsed<AlterView> {
        let if_exists = self.accept_if_exists()?;
        let name = self.qualified_name()?;
        self.expect_word("with")?;
        Ok(AlterView { name, if_exists, properties: self.properties()? })
    }

    /// CREATE TRIGGER, from after these words.
    pub(super) fn create_trigger(&mut self) -> Parsed<CreateTrigger> {
        let if_not_exists = self.accept_if_not_exists()?;
        let name = self.name()?;
        self.expect_word("on")?;
        let table = self.qualified_name()?;
        self.expect_word("using")?;
        Ok(CreateTrigger { name, if_not_exists, table, class: self.string()? })
    }

    /// DROP TRIGGER, from after these words.
    pub(super) fn drop_trigger(&mut self) -> Parsed<DropTrigger> {
        let if_exists = self.accept_if_exists()?;
        let name = self.name()?;
        self.expect_word("on")?;
        Ok(DropTrigger { name, if_exists, table: self.qualified_name()? })
    }
}
