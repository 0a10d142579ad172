//! The relations of a WHERE clause.

use super::{Identifier, Marker, Position, Term};

/// One relation of a WHERE clause; the clause is their conjunction.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// What it says.
    pub kind: RelationKind,
    /// Where it starts.
    pub position: Position,
}

/// The forms of relations.
#[derive(Clone, Debug, PartialEq)]
pub enum RelationKind {
    /// `c = t`, `c CONTAINS t`, `c LIKE t` ...
    Column {
        /// The column.
        column: Identifier,
        /// The operator.
        operator: Operator,
        /// The right-hand side.
        value: Term,
    },
    /// `c IN (...)`
    In {
        /// The column.
        column: Identifier,
        /// The values.
        values: InValues,
    },
    /// `c IS NOT NULL`
    IsNotNull {
        /// The column.
        column: Identifier,
    },
    /// `c[k] = t`
    Element {
        /// The column, a map.
        column: Identifier,
        /// The key in it.
        key: Term,
        /// The operator.
        operator: Operator,
        /// The right-hand side.
        value: Term,
    },
    /// `token(a, b) > t`
    Token {
        /// The arguments of `token`.
        columns: Vec<Identifier>,
        /// The operator.
        operator: Operator,
        /// The right-hand side.
        value: Term,
    },
    /// `(a, b) > (1, 2)`
    Tuple {
        /// The columns.
        columns: Vec<Identifier>,
        /// The operator.
        operator: Operator,
        /// The right-hand side: a tuple literal or one marker.
        value: Term,
    },
    /// `(a, b) IN ((1, 2), (3, 4))`
    TupleIn {
        /// The columns.
        columns: Vec<Identifier>,
        /// The values: tuple literals and markers.
        values: InValues,
    },
    /// `expr(index, 'expression')`: a search by a custom index.
    Expression {
        /// The index.
        index: Identifier,
        /// What it is to search.
        value: Term,
    },
}

/// The right-hand side of IN.
#[derive(Clone, Debug, PartialEq)]
pub enum InValues {
    /// `(a, b, ...)`, perhaps empty.
    List(Vec<Term>),
    /// `IN ?`: one marker for the whole list.
    Marker {
        /// The marker.
        marker: Marker,
        /// Where it is.
        position: Position,
    },
}

/// The operators of relations and of IF conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=`
    Eq,
    /// `!=`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
    /// `CONTAINS`
    Contains,
    /// `CONTAINS KEY`
    ContainsKey,
    /// `LIKE`
    Like,
}

impl Operator {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::NotEq => "!=",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::Contains => "CONTAINS",
            Self::ContainsKey => "CONTAINS KEY",
            Self::Like => "LIKE",
        }
    }
}
