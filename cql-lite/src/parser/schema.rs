//! CREATE, ALTER and DROP of keyspaces and tables.

use crate::ast::{
    AlterKeyspace, AlterTable, ColumnDefinition, ColumnMask, Constant, ConstantKind, CreateKeyspace, CreateTable,
    DropKeyspace, DropObject, Identifier, PrimaryKey, TableChange, Term, TermKind,
};
use crate::lexer::TokenKind;

use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// CREATE KEYSPACE, from after these words.
    pub(super) fn create_keyspace(&mut self) -> Parsed<CreateKeyspace> {
        let if_not_exists = self.accept_if_not_exists()?;
        let name = self.object_name("keyspace")?;
        self.expect_word("with")?;
        Ok(CreateKeyspace { name, if_not_exists, properties: self.properties()? })
    }

    /// ALTER KEYSPACE, from after these words.
    pub(super) fn alter_keyspace(&mut self) -> Parsed<AlterKeyspace> {
        let if_exists = self.accept_if_exists()?;
        let name = self.object_name("keyspace")?;
        self.expect_word("with")?;
        Ok(AlterKeyspace { name, if_exists, properties: self.properties()? })
    }

    /// DROP KEYSPACE, from after these words.
    pub(super) fn drop_keyspace(&mut self) -> Parsed<DropKeyspace> {
        let if_exists = self.accept_if_exists()?;
        Ok(DropKeyspace { name: self.object_name("keyspace")?, if_exists })
    }

    /// DROP of a table, index or view, from after these words.
    pub(super) fn drop_object(&mut self) -> Parsed<DropObject> {
        let if_exists = self.accept_if_exists()?;
        Ok(DropObject { name: self.qualified_name()?, if_exists })
    }

    /// CREATE TABLE, from after these words.
    pub(super) fn create_table(&mut self) -> Parsed<CreateTable> {
        let if_not_exists = self.accept_if_not_exists()?;
        let name = self.qualified_name()?;
        let mut columns = Vec::new();
        let mut primary_keys = Vec::new();
        self.expect(TokenKind::LeftParen)?;
        self.table_element(&mut columns, &mut primary_keys)?;
        while self.accept(TokenKind::Comma) {
            if !matches!(self.kind(), TokenKind::Comma | TokenKind::RightParen) {
                self.table_element(&mut columns, &mut primary_keys)?;
            }
        }
        self.expect(TokenKind::RightParen)?;
        let with = self.optional_table_properties()?;
        Ok(CreateTable {
            name,
            if_not_exists,
            columns,
            primary_keys,
            properties: with.properties,
            compact_storage: with.compact_storage,
            clustering_order: with.clustering_order,
        })
    }

    fn table_element(&mut self, columns: &mut Vec<ColumnDefinition>, keys: &mut Vec<PrimaryKey>) -> Parsed<()> {
        if self.at_word("primary") {
            keys.push(self.primary_key()?);
            return Ok(());
        }
        let column = self.column_definition()?;
        let position = self.position();
        if self.accept_word("primary") {
            self.expect_word("key")?;
            let partition_key = vec![column.name.clone()];
            keys.push(PrimaryKey { partition_key, clustering: Vec::new(), position });
        }
        columns.push(column);
        Ok(())
    }

    /// PRIMARY KEY with its columns.
    pub(super) fn primary_key(&mut self) -> Parsed<PrimaryKey> {
        let position = self.expect_word("primary")?.position;
        self.expect_word("key")?;
        self.expect(TokenKind::LeftParen)?;
        let partition_key =
            if self.at(TokenKind::LeftParen) { self.in_parens(Self::name)? } else { vec![self.name()?] };
        let mut clustering = Vec::new();
        while self.accept(TokenKind::Comma) {
            clustering.push(self.name()?);
        }
        self.expect(TokenKind::RightParen)?;
        Ok(PrimaryKey { partition_key, clustering, position })
    }

    fn column_definition(&mut self) -> Parsed<ColumnDefinition> {
        Ok(ColumnDefinition {
            name: self.name()?,
            type_name: self.type_name()?,
            is_static: self.accept_word("static"),
            mask: self.optional_mask()?,
        })
    }

    fn optional_mask(&mut self) -> Parsed<Option<ColumnMask>> {
        if !self.accept_word("masked") {
            return Ok(None);
        }
        self.expect_word("with")?;
        if self.at_word("default") && self.second_kind() != TokenKind::LeftParen {
            self.advance();
            return Ok(Some(ColumnMask::Default));
        }
        let name = self.function_name()?;
        self.expect(TokenKind::LeftParen)?;
        let arguments = self.items_until(TokenKind::RightParen, Self::term)?;
        Ok(Some(ColumnMask::Function { name, arguments }))
    }

    /// ALTER TABLE, from after these words.
    pub(super) fn alter_table(&mut self) -> Parsed<AlterTable> {
        let if_exists = self.accept_if_exists()?;
        let name = self.qualified_name()?;
        let change = if self.accept_word("add") {
            let if_not_exists = self.accept_if_not_exists()?;
            TableChange::Add { if_not_exists, columns: self.one_or_more(Self::column_definition)? }
        } else if self.accept_word("alter") {
            self.alter_column()?
        } else if self.accept_word("rename") {
            let if_exists = self.accept_if_exists()?;
            TableChange::Rename { if_exists, names: self.renames()? }
        } else if self.accept_word("with") {
            TableChange::Properties(self.properties()?)
        } else if self.accept_word("drop") {
            self.drop_columns()?
        } else {
            return Err(self.unexpected());
        };
        Ok(AlterTable { name, if_exists, change })
    }

    /// Items with commas between, in parentheses or not.
    fn one_or_more<T>(&mut self, item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        if self.at(TokenKind::LeftParen) { self.in_parens(item) } else { self.comma_separated(item) }
    }

    fn alter_column(&mut self) -> Parsed<TableChange> {
        let if_exists = self.accept_if_exists()?;
        let column = self.column_name()?;
        if self.accept_word("type") {
            return Ok(TableChange::AlterType { if_exists, column, type_name: self.type_name()? });
        }
        if self.accept_word("drop") {
            self.expect_word("masked")?;
            return Ok(TableChange::AlterMask { if_exists, column, mask: None });
        }
        let mask = self.optional_mask()?;
        if mask.is_none() {
            return Err(self.unexpected());
        }
        Ok(TableChange::AlterMask { if_exists, column, mask })
    }

    fn drop_columns(&mut self) -> Parsed<TableChange> {
        if self.accept_words("compact", "storage") {
            return Ok(TableChange::DropCompactStorage);
        }
        let if_exists = self.accept_if_exists()?;
        let columns = self.one_or_more(Self::name)?;
        let timestamp = if self.accept_word("using") {
            self.expect_word("timestamp")?;
            let position = self.position();
            let sign = if self.accept(TokenKind::Minus) { "-" } else { "" };
            let token = self.expect(TokenKind::Integer)?;
            let text = format!("{sign}{}", self.text_of(token));
            Some(Term { kind: TermKind::Constant(Constant { kind: ConstantKind::Integer, text }), position })
        } else {
            None
        };
        Ok(TableChange::Drop { if_exists, columns, timestamp })
    }

    /// `a TO b AND c TO d`
    pub(super) fn renames(&mut self) -> Parsed<Vec<(Identifier, Identifier)>> {
        let mut names = Vec::new();
        loop {
            let from = self.name()?;
            self.expect_word("to")?;
            names.push((from, self.name()?));
            if !self.accept_word("and") {
                return Ok(names);
            }
        }
    }
}
