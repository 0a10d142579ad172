//! DESCRIBE.

use crate::ast::{Describe, DescribeTarget};
use crate::lexer::TokenKind;

use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// DESCRIBE, from after this word.
    pub(super) fn describe(&mut self) -> Parsed<Describe> {
        let target = self.describe_target()?;
        let with_internals = self.accept_word("with");
        if with_internals {
            self.expect_word("internals")?;
        }
        Ok(Describe { target, with_internals })
    }

    fn describe_target(&mut self) -> Parsed<DescribeTarget> {
        if self.accept_word("full") {
            self.expect_word("schema")?;
            return Ok(DescribeTarget::Schema { full: true });
        }
        if self.accept_word("schema") {
            return Ok(DescribeTarget::Schema { full: false });
        }
        if self.accept_words("only", "keyspace") {
            return self.describe_keyspace(true);
        }
        if self.accept_word("keyspace") {
            return self.describe_keyspace(false);
        }
        if self.accept_table() {
            return Ok(DescribeTarget::Table(self.qualified_name()?));
        }
        if self.accept_word("index") {
            return Ok(DescribeTarget::Index(self.qualified_name()?));
        }
        if self.accept_word("materialized") {
            self.expect_word("view")?;
            return Ok(DescribeTarget::View(self.qualified_name()?));
        }
        // These are no reserved words, so a name may follow (`DESCRIBE TYPE t`) or they may be names themselves.
        if self.second_kind() == TokenKind::Dot {
            return Ok(DescribeTarget::Any(self.qualified_name()?));
        }
        let [second] = self.ahead();
        let name_follows = self.is_name(second);
        let kind = if self.at_word("cluster") {
            DescribeTarget::Cluster
        } else if self.at_word("keyspaces") {
            DescribeTarget::Keyspaces
        } else if self.at_word("tables") || self.at_word("columnfamilies") {
            DescribeTarget::Tables
        } else if self.at_word("types") {
            DescribeTarget::Types
        } else if self.at_word("functions") {
            DescribeTarget::Functions
        } else if self.at_word("aggregates") {
            DescribeTarget::Aggregates
        } else if name_follows && self.accept_word("type") {
            return Ok(DescribeTarget::Type(self.user_type_name()?));
        } else if name_follows && self.accept_word("function") {
            return Ok(DescribeTarget::Function(self.function_name()?));
        } else if name_follows && self.accept_word("aggregate") {
            return Ok(DescribeTarget::Aggregate(self.function_name()?));
        } else {
            return Ok(DescribeTarget::Any(self.qualified_name()?));
        };
        self.advance();
        Ok(kind)
    }

    fn describe_keyspace(&mut self, only: bool) -> Parsed<DescribeTarget> {
        let ends = matches!(self.kind(), TokenKind::Semicolon | TokenKind::Eof) || self.at_word("with");
        let name = if ends { None } else { Some(self.object_name("keyspace")?) };
        Ok(DescribeTarget::Keyspace { only, name })
    }
}
