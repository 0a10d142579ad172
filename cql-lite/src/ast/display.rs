//! Terms and relations as text: error messages quote them.

use std::fmt::{self, Display, Formatter};

use super::{Constant, ConstantKind, InValues, Marker, Relation, RelationKind, Term, TermKind};

impl Display for Term {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.kind.fmt(formatter)
    }
}

impl Display for TermKind {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            TermKind::Constant(constant) => constant.fmt(formatter),
            TermKind::Null => formatter.write_str("null"),
            TermKind::Marker(marker) => marker.fmt(formatter),
            TermKind::List(terms) => between(formatter, '[', terms, ']'),
            TermKind::Set(terms) => between(formatter, '{', terms, '}'),
            TermKind::Map(entries) => pairs(formatter, entries),
            TermKind::UserType(fields) => pairs(formatter, fields),
            TermKind::Tuple(terms) => between(formatter, '(', terms, ')'),
            TermKind::Function(call) => {
                call.name.fmt(formatter)?;
                between(formatter, '(', &call.arguments, ')')
            }
            TermKind::TypeHint { type_name, term } => write!(formatter, "({type_name}){term}"),
            TermKind::Cast { term, type_name } => write!(formatter, "cast({term} as {type_name})"),
            TermKind::Arithmetic { operator, left, right } => {
                write!(formatter, "{left} {} {right}", operator.as_str())
            }
            TermKind::Negate(term) => write!(formatter, "-{term}"),
        }
    }
}

impl Display for Constant {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self.kind {
            ConstantKind::String => write!(formatter, "'{}'", self.text),
            _ => formatter.write_str(&self.text),
        }
    }
}

impl Display for Marker {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, ":{name}"),
            None => formatter.write_str("?"),
        }
    }
}

impl Display for InValues {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            InValues::List(terms) => between(formatter, '(', terms, ')'),
            InValues::Marker { marker, .. } => marker.fmt(formatter),
        }
    }
}

impl Display for Relation {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.kind.fmt(formatter)
    }
}

impl Display for RelationKind {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            RelationKind::Column { column, operator, value } => {
                write!(formatter, "{column} {} {value}", operator.as_str())
            }
            RelationKind::In { column, values } => write!(formatter, "{column} IN {values}"),
            RelationKind::IsNotNull { column } => write!(formatter, "{column} IS NOT NULL"),
            RelationKind::Element { column, key, operator, value } => {
                write!(formatter, "{column}[{key}] {} {value}", operator.as_str())
            }
            RelationKind::Token { columns, operator, value } => {
                formatter.write_str("token")?;
                between(formatter, '(', columns, ')')?;
                write!(formatter, " {} {value}", operator.as_str())
            }
            RelationKind::Tuple { columns, operator, value } => {
                between(formatter, '(', columns, ')')?;
                write!(formatter, " {} {value}", operator.as_str())
            }
            RelationKind::TupleIn { columns, values } => {
                between(formatter, '(', columns, ')')?;
                write!(formatter, " IN {values}")
            }
            RelationKind::Expression { index, value } => write!(formatter, "expr({index}, {value})"),
        }
    }
}

fn between(formatter: &mut Formatter<'_>, open: char, items: &[impl Display], close: char) -> fmt::Result {
    write!(formatter, "{open}")?;
    for (position, item) in items.iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        write!(formatter, "{separator}{item}")?;
    }
    write!(formatter, "{close}")
}

fn pairs(formatter: &mut Formatter<'_>, entries: &[(impl Display, impl Display)]) -> fmt::Result {
    formatter.write_str("{")?;
    for (position, (key, value)) in entries.iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        write!(formatter, "{separator}{key}: {value}")?;
    }
    formatter.write_str("}")
}
