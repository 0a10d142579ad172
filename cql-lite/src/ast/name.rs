//! Positions in the text, and names.

use std::fmt;

/// Where something starts in the text of a statement, counted as Cassandra counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 0.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}:{}", self.line, self.column)
    }
}

/// A name: of a keyspace, table, column, field, function, role ...
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    /// The name as stored: lower case if it was not quoted.
    pub name: String,
    /// Whether it was given in double quotes.
    pub quoted: bool,
    /// Where it starts.
    pub position: Position,
}

impl Identifier {
    /// The name as stored.
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

/// Prints the name as CQL needs it: in quotes if it would not be read back without.
impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if crate::lexer::keyword::needs_quotes(&self.name) {
            write!(formatter, "\"{}\"", self.name.replace('"', "\"\""))
        } else {
            formatter.write_str(&self.name)
        }
    }
}

/// A name with an optional keyspace before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualifiedName {
    /// The keyspace, if given.
    pub keyspace: Option<Identifier>,
    /// The name within the keyspace.
    pub name: Identifier,
}

impl QualifiedName {
    /// Where it starts.
    pub fn position(&self) -> Position {
        self.keyspace.as_ref().unwrap_or(&self.name).position
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(keyspace) = &self.keyspace {
            write!(formatter, "{keyspace}.")?;
        }
        write!(formatter, "{}", self.name)
    }
}
