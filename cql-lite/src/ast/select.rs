//! SELECT.

use super::{ArithmeticOperator, Identifier, Position, QualifiedName, Relation, Term, TypeName};

/// SELECT.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// SELECT JSON.
    pub json: bool,
    /// SELECT DISTINCT.
    pub distinct: bool,
    /// What is selected.
    pub selection: Selection,
    /// FROM.
    pub table: QualifiedName,
    /// WHERE; empty if there is none.
    pub relations: Vec<Relation>,
    /// GROUP BY; empty if there is none.
    pub group_by: Vec<Selector>,
    /// ORDER BY; empty if there is none.
    pub order_by: Vec<Ordering>,
    /// PER PARTITION LIMIT.
    pub per_partition_limit: Option<Term>,
    /// LIMIT.
    pub limit: Option<Term>,
    /// ALLOW FILTERING.
    pub allow_filtering: bool,
}

/// What a SELECT selects.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// `*`
    All,
    /// Selectors, at least one.
    Selectors(Vec<AliasedSelector>),
}

/// A selector with its alias.
#[derive(Clone, Debug, PartialEq)]
pub struct AliasedSelector {
    /// The selector.
    pub selector: Selector,
    /// AS.
    pub alias: Option<Identifier>,
}

/// A selector and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// What it is.
    pub kind: SelectorKind,
    /// Where it starts.
    pub position: Position,
}

/// The forms of selectors.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectorKind {
    /// A column.
    Column(Identifier),
    /// A literal of a scalar type, `null` or a marker: `TermKind::{Constant, Null, Marker}`.
    Term(Term),
    /// `count(*)` or `count(1)`.
    CountAll,
    /// `writetime(...)`
    WriteTime(Box<Selector>),
    /// `maxwritetime(...)`
    MaxWriteTime(Box<Selector>),
    /// `ttl(...)`
    Ttl(Box<Selector>),
    /// `cast(... AS type)`
    Cast {
        /// What is cast.
        selector: Box<Selector>,
        /// The type.
        type_name: TypeName,
    },
    /// `(type) ...`
    TypeHint {
        /// The type.
        type_name: TypeName,
        /// The selector that is to have it.
        selector: Box<Selector>,
    },
    /// `f(...)`, among them `token(...)`.
    Function {
        /// The function.
        name: QualifiedName,
        /// The arguments.
        arguments: Vec<Selector>,
    },
    /// `x.field`
    Field {
        /// The value of a user-defined type.
        base: Box<Selector>,
        /// The field.
        field: Identifier,
    },
    /// `x[key]`
    Element {
        /// The collection.
        base: Box<Selector>,
        /// The key.
        key: Box<Term>,
    },
    /// `x[from..to]`
    Slice {
        /// The collection.
        base: Box<Selector>,
        /// The first key, if bounded.
        from: Option<Box<Term>>,
        /// The last key, if bounded.
        to: Option<Box<Term>>,
    },
    /// `[a, b]`
    List(Vec<Selector>),
    /// `{a, b}`; `{}` is also the empty map.
    Set(Vec<Selector>),
    /// `{k: v}`
    Map(Vec<(Selector, Selector)>),
    /// `{field: v}`
    UserType(Vec<(Identifier, Selector)>),
    /// `(a, b)`; `(a)` is a tuple of one or only `a` in parentheses.
    Tuple(Vec<Selector>),
    /// `a + b` and the other operations.
    Arithmetic {
        /// The operation.
        operator: ArithmeticOperator,
        /// Left operand.
        left: Box<Selector>,
        /// Right operand.
        right: Box<Selector>,
    },
    /// `-a`
    Negate(Box<Selector>),
}

/// One element of ORDER BY.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordering {
    /// The column.
    pub column: Identifier,
    /// How it orders.
    pub kind: OrderingKind,
}

/// How an element of ORDER BY orders.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderingKind {
    /// `c` or `c ASC`
    Ascending,
    /// `c DESC`
    Descending,
    /// `c ANN OF vector`: approximate nearest neighbours.
    NearestTo(Term),
}
