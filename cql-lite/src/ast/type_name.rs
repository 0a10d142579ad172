//! Names of types as written.

use std::fmt;

use super::{Position, QualifiedName};

/// A type as written, and where it starts. Its `Display` is CQL again, in one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    /// What it is.
    pub kind: TypeNameKind,
    /// Where it starts.
    pub position: Position,
}

/// The forms of type names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeNameKind {
    /// A native type or a user-defined one; whether the name exists is not known here.
    Named(QualifiedName),
    /// `frozen<t>`
    Frozen(Box<TypeName>),
    /// `list<t>`
    List(Box<TypeName>),
    /// `set<t>`
    Set(Box<TypeName>),
    /// `map<k, v>`
    Map(Box<TypeName>, Box<TypeName>),
    /// `tuple<a, b>`
    Tuple(Vec<TypeName>),
    /// `vector<t, n>`: the element type and the number of elements.
    Vector(Box<TypeName>, u32),
    /// `'some.java.Class'`
    Custom(String),
}

impl fmt::Display for TypeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TypeNameKind::Named(name) => write!(formatter, "{name}"),
            TypeNameKind::Frozen(inner) => write!(formatter, "frozen<{inner}>"),
            TypeNameKind::List(element) => write!(formatter, "list<{element}>"),
            TypeNameKind::Set(element) => write!(formatter, "set<{element}>"),
            TypeNameKind::Map(key, value) => write!(formatter, "map<{key}, {value}>"),
            TypeNameKind::Tuple(elements) => {
                formatter.write_str("tuple<")?;
                for (index, element) in elements.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(formatter, "{separator}{element}")?;
                }
                formatter.write_str(">")
            }
            TypeNameKind::Vector(element, dimension) => {
                write!(formatter, "vector<{element}, {dimension}>")
            }
            TypeNameKind::Custom(class) => write!(formatter, "'{}'", class.replace('\'', "''")),
        }
    }
}
