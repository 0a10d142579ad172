//! WITH.

use std::collections::HashSet;

use crate::ast::{ClusteringOrder, Constant, Property, PropertyValue};
use crate::lexer::TokenKind;

use super::SyntaxError;
use super::cursor::{Parsed, Parser};

/// The WITH clause of a table or view.
#[derive(Debug, Default)]
pub(super) struct TableProperties {
    pub(super) properties: Vec<Property>,
    pub(super) compact_storage: bool,
    pub(super) clustering_order: Vec<ClusteringOrder>,
}

impl Parser<'_> {
    /// `name = value AND ...`
    pub(super) fn properties(&mut self) -> Parsed<Vec<Property>> {
        let mut properties = vec![self.property()?];
        while self.accept_word("and") {
            properties.push(self.property()?);
        }
        refuse_repeated(&properties)?;
        Ok(properties)
    }

    /// WITH of a table or view, if there is one.
    pub(super) fn optional_table_properties(&mut self) -> Parsed<TableProperties> {
        let mut found = TableProperties::default();
        if !self.accept_word("with") {
            return Ok(found);
        }
        loop {
            if self.accept_words("compact", "storage") {
                found.compact_storage = true;
            } else if self.accept_words("clustering", "order") {
                self.expect_word("by")?;
                found.clustering_order.append(&mut self.in_parens(Self::clustering_order)?);
            } else {
                found.properties.push(self.property()?);
            }
            if !self.accept_word("and") {
                break;
            }
        }
        refuse_repeated(&found.properties)?;
        Ok(found)
    }

    fn clustering_order(&mut self) -> Parsed<ClusteringOrder> {
        let column = self.name()?;
        let descending = self.accept_word("desc");
        if !descending && !self.accept_word("asc") {
            return Err(self.unexpected());
        }
        Ok(ClusteringOrder { column, descending })
    }

    pub(super) fn property(&mut self) -> Parsed<Property> {
        let name = self.name()?;
        self.expect(TokenKind::Eq)?;
        let value = if self.at(TokenKind::LeftBrace) {
            PropertyValue::Map(self.property_map()?)
        } else if self.is_name(self.token()) && !self.at(TokenKind::QuotedName) {
            PropertyValue::Word(self.name()?)
        } else {
            PropertyValue::Constant(self.constant()?)
        };
        Ok(Property { name, value })
    }

    /// `{'k': v, ...}`
    pub(super) fn property_map(&mut self) -> Parsed<Vec<(Constant, Constant)>> {
        self.expect(TokenKind::LeftBrace)?;
        let mut keys = HashSet::new();
        self.items_until(TokenKind::RightBrace, |parser| {
            let position = parser.position();
            let key = parser.property_constant("name")?;
            if !keys.insert(key.text.clone()) {
                let message = format!("Multiple definition for property {}", key.text);
                return Err(SyntaxError::at(position, message));
            }
            parser.expect(TokenKind::Colon)?;
            Ok((key, parser.property_constant("value")?))
        })
    }

    fn property_constant(&mut self, what: &str) -> Parsed<Constant> {
        if self.at_marker() {
            let message = format!("Invalid property {what}: ? (bind variables are not supported in DDL queries)");
            return Err(self.error(message));
        }
        self.constant()
    }
}

fn refuse_repeated(properties: &[Property]) -> Parsed<()> {
    let mut names = HashSet::new();
    for Property { name, .. } in properties {
        if !names.insert(name.as_str()) {
            let message = format!("Multiple definition for property '{}'", name.as_str());
            return Err(SyntaxError::at(name.position, message));
        }
    }
    Ok(())
}
