//! INSERT, UPDATE, DELETE, BATCH, TRUNCATE and USE.

use crate::ast::{
    Batch, BatchKind, BatchStatement, BatchStatementKind, Constant, ConstantKind, Delete, DeleteTarget, Insert,
    InsertSource, JsonDefault, QualifiedName, Term, TermKind, Update, Using,
};
use crate::lexer::TokenKind;

use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// INSERT.
    pub(super) fn insert(&mut self) -> Parsed<Insert> {
        self.expect_word("insert")?;
        self.expect_word("into")?;
        let table = self.qualified_name()?;
        let source = if self.accept_word("json") {
            self.json_source()?
        } else if self.at(TokenKind::LeftParen) {
            let columns = self.in_parens(Self::column_name)?;
            self.expect_word("values")?;
            InsertSource::Values { columns, values: self.in_parens(Self::term)? }
        } else {
            return Err(self.unexpected());
        };
        let if_not_exists = self.accept_if_not_exists()?;
        Ok(Insert { table, source, if_not_exists, using: self.optional_using()? })
    }

    fn json_source(&mut self) -> Parsed<InsertSource> {
        let position = self.position();
        let kind = if self.at_marker() {
            TermKind::Marker(self.marker()?)
        } else {
            let text = self.accept_string().ok_or_else(|| self.unexpected())?;
            TermKind::Constant(Constant { kind: ConstantKind::String, text })
        };
        let default = if !self.accept_word("default") || self.accept_word("null") {
            JsonDefault::Null
        } else if self.accept_word("unset") {
            JsonDefault::Unset
        } else {
            return Err(self.unexpected());
        };
        Ok(InsertSource::Json { document: Term { kind, position }, default })
    }

    fn optional_using(&mut self) -> Parsed<Using> {
        let mut using = Using::default();
        if !self.accept_word("using") {
            return Ok(using);
        }
        loop {
            if self.accept_word("timestamp") {
                using.timestamp = Some(self.int_value()?);
            } else if self.accept_word("ttl") {
                using.ttl = Some(self.int_value()?);
            } else {
                return Err(self.unexpected());
            }
            if !self.accept_word("and") {
                return Ok(using);
            }
        }
    }

    /// UPDATE.
    pub(super) fn update(&mut self) -> Parsed<Update> {
        self.expect_word("update")?;
        Ok(Update {
            table: self.qualified_name()?,
            using: self.optional_using()?,
            assignments: self.assignments()?,
            relations: self.where_clause()?,
            condition: self.optional_if()?,
        })
    }

    /// DELETE.
    pub(super) fn delete(&mut self) -> Parsed<Delete> {
        self.expect_word("delete")?;
        let targets = if self.at_word("from") { Vec::new() } else { self.comma_separated(Self::delete_target)? };
        self.expect_word("from")?;
        let table = self.qualified_name()?;
        let timestamp = if self.accept_word("using") {
            self.expect_word("timestamp")?;
            Some(self.int_value()?)
        } else {
            None
        };
        let relations = self.where_clause()?;
        Ok(Delete { targets, table, timestamp, relations, condition: self.optional_if()? })
    }

    fn delete_target(&mut self) -> Parsed<DeleteTarget> {
        let column = self.column_name()?;
        if self.accept(TokenKind::LeftBracket) {
            let key = self.term()?;
            self.expect(TokenKind::RightBracket)?;
            return Ok(DeleteTarget::Element { column, key });
        }
        if self.accept(TokenKind::Dot) {
            return Ok(DeleteTarget::Field { column, field: self.name()? });
        }
        Ok(DeleteTarget::Column(column))
    }

    /// BATCH.
    pub(super) fn batch(&mut self) -> Parsed<Batch> {
        self.expect_word("begin")?;
        let kind = if self.accept_word("unlogged") {
            BatchKind::Unlogged
        } else if self.accept_word("counter") {
            BatchKind::Counter
        } else {
            BatchKind::Logged
        };
        self.expect_word("batch")?;
        let using = self.optional_using()?;
        let mut statements = Vec::new();
        while !self.accept_word("apply") {
            let position = self.position();
            let kind = if self.at_word("insert") {
                BatchStatementKind::Insert(self.insert()?)
            } else if self.at_word("update") {
                BatchStatementKind::Update(self.update()?)
            } else if self.at_word("delete") {
                BatchStatementKind::Delete(self.delete()?)
            } else {
                return Err(self.mismatched("K_APPLY"));
            };
            statements.push(BatchStatement { kind, position });
            self.accept(TokenKind::Semicolon);
        }
        self.expect_word("batch")?;
        Ok(Batch { kind, using, statements })
    }

    /// TRUNCATE.
    pub(super) fn truncate(&mut self) -> Parsed<QualifiedName> {
        self.expect_word("truncate")?;
        self.accept_table();
        self.qualified_name()
    }
}
