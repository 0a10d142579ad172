//! Which statement it is.

use crate::ast::{ParsedStatement, Statement};
use crate::lexer::TokenKind;

use super::SyntaxError;
use super::cursor::{MAX_TOKENS, Parsed, Parser};

impl Parser<'_> {
    /// One statement up to the end of the text.
    pub(super) fn only_statement(mut self) -> Parsed<ParsedStatement> {
        let parsed = self.statement_to_the_end();
        if let Some(position) = self.too_long_at {
            let message =
                format!("statement of more than {MAX_TOKENS} words, constants and signs: bind values instead");
            return Err(SyntaxError::at(position, message));
        }
        Ok(ParsedStatement { statement: parsed?, markers: self.markers, tokens: self.tokens })
    }

    fn statement_to_the_end(&mut self) -> Parsed<Statement> {
        let statement = self.statement()?;
        while self.accept(TokenKind::Semicolon) {}
        self.expect(TokenKind::Eof)?;
        Ok(statement)
    }

    fn statement(&mut self) -> Parsed<Statement> {
        if self.at_word("select") {
            Ok(Statement::Select(self.select()?))
        } else if self.at_word("insert") {
            Ok(Statement::Insert(self.insert()?))
        } else if self.at_word("update") {
            Ok(Statement::Update(self.update()?))
        } else if self.at_word("delete") {
            Ok(Statement::Delete(self.delete()?))
        } else if self.at_word("begin") {
            Ok(Statement::Batch(self.batch()?))
        } else if self.accept_word("use") {
            Ok(Statement::Use(self.object_name("keyspace")?))
        } else if self.at_word("truncate") {
            Ok(Statement::Truncate(self.truncate()?))
        } else if self.accept_word("create") {
            self.create()
        } else if self.accept_word("alter") {
            self.alter()
        } else if self.accept_word("drop") {
            self.drop()
        } else if self.accept_word("describe") || self.accept_word("desc") {
            Ok(Statement::Describe(self.describe()?))
        } else if self.accept_word("grant") {
            self.grant()
        } else if self.accept_word("revoke") {
            self.revoke()
        } else if self.accept_word("list") {
            self.list()
        } else if self.accept_words("add", "identity") {
            Ok(Statement::AddIdentity(self.add_identity()?))
        } else {
            Err(self.unexpected())
        }
    }

    fn create(&mut self) -> Parsed<Statement> {
        let or_replace = self.accept_words("or", "replace");
        if self.accept_word("function") {
            return Ok(Statement::CreateFunction(self.create_function(or_replace)?));
        }
        if self.accept_word("aggregate") {
            return Ok(Statement::CreateAggregate(self.create_aggregate(or_replace)?));
        }
        if or_replace {
            return Err(self.unexpected());
        }
        if self.accept_keyspace() {
            Ok(Statement::CreateKeyspace(self.create_keyspace()?))
        } else if self.accept_table() {
            Ok(Statement::CreateTable(self.create_table()?))
        } else if self.accept_word("type") {
            Ok(Statement::CreateType(self.create_type()?))
        } else if self.accept_word("index") {
            Ok(Statement::CreateIndex(self.create_index(false)?))
        } else if self.accept_words("custom", "index") {
            Ok(Statement::CreateIndex(self.create_index(true)?))
        } else if self.accept_words("materialized", "view") {
            Ok(Statement::CreateView(self.create_view()?))
        } else if self.accept_word("trigger") {
            Ok(Statement::CreateTrigger(self.create_trigger()?))
        } else if self.accept_word("role") {
            Ok(Statement::CreateRole(self.create_role()?))
        } else if self.accept_word("user") {
            Ok(Statement::CreateUser(self.create_user()?))
        } else {
            Err(self.unexpected())
        }
    }

    fn alter(&mut self) -> Parsed<Statement> {
        if self.accept_keyspace() {
            Ok(Statement::AlterKeyspace(self.alter_keyspace()?))
        } else if self.accept_table() {
            Ok(Statement::AlterTable(self.alter_table()?))
        } else if self.accept_word("type") {
            Ok(Statement::AlterType(self.alter_type()?))
        } else if self.accept_words("materialized", "view") {
            Ok(Statement::AlterView(self.alter_view()?))
        } else if self.accept_word("role") {
            Ok(Statement::AlterRole(self.alter_role()?))
        } else if self.accept_word("user") {
            Ok(Statement::AlterUser(self.alter_user()?))
        } else {
            Err(self.unexpected())
        }
    }

    fn drop(&mut self) -> Parsed<Statement> {
        if self.accept_keyspace() {
            Ok(Statement::DropKeyspace(self.drop_keyspace()?))
        } else if self.accept_table() {
            Ok(Statement::DropTable(self.drop_object()?))
        } else if self.accept_word("type") {
            Ok(Statement::DropType(self.drop_type()?))
        } else if self.accept_word("index") {
            Ok(Statement::DropIndex(self.drop_object()?))
        } else if self.accept_words("materialized", "view") {
            Ok(Statement::DropView(self.drop_object()?))
        } else if self.accept_word("function") {
            Ok(Statement::DropFunction(self.drop_function()?))
        } else if self.accept_word("aggregate") {
            Ok(Statement::DropAggregate(self.drop_function()?))
        } else if self.accept_word("trigger") {
            Ok(Statement::DropTrigger(self.drop_trigger()?))
        } else if self.accept_word("role") {
            Ok(Statement::DropRole(self.drop_role()?))
        } else if self.accept_word("user") {
            Ok(Statement::DropUser(self.drop_role()?))
        } else if self.accept_word("identity") {
            Ok(Statement::DropIdentity(self.drop_identity()?))
        } else {
            Err(self.unexpected())
        }
    }
}
