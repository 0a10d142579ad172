//! INSERT, UPDATE, DELETE and BATCH.

use super::{Identifier, InValues, Operator, Position, QualifiedName, Relation, Term};

/// INSERT.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// INTO.
    pub table: QualifiedName,
    /// What is inserted.
    pub source: InsertSource,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// USING.
    pub using: Using,
}

/// What an INSERT inserts.
#[derive(Clone, Debug, PartialEq)]
pub enum InsertSource {
    /// `(columns) VALUES (values)`; whether they are equally many is not checked here.
    Values {
        /// The columns.
        columns: Vec<Identifier>,
        /// Their values.
        values: Vec<Term>,
    },
    /// `JSON '...'`
    Json {
        /// A string literal or a marker.
        document: Term,
        /// What columns get that the document does not name.
        default: JsonDefault,
    },
}

/// What INSERT JSON does with columns that the document does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum JsonDefault {
    /// DEFAULT NULL, also if nothing is said: they become null.
    #[default]
    Null,
    /// DEFAULT UNSET: they are left alone.
    Unset,
}

/// USING TIMESTAMP t AND TTL t.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Using {
    /// TIMESTAMP in microseconds: an integer literal or a marker.
    pub timestamp: Option<Term>,
    /// TTL in seconds: an integer literal or a marker.
    pub ttl: Option<Term>,
}

/// UPDATE.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The table.
    pub table: QualifiedName,
    /// USING.
    pub using: Using,
    /// SET.
    pub assignments: Vec<Assignment>,
    /// WHERE.
    pub relations: Vec<Relation>,
    /// IF.
    pub condition: Option<IfClause>,
}

/// One assignment of an UPDATE.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The column.
    pub column: Identifier,
    /// What happens to it.
    pub operation: AssignmentOperation,
}

/// What an UPDATE does to a column.
#[derive(Clone, Debug, PartialEq)]
pub enum AssignmentOperation {
    /// `c = t`
    Set(Term),
    /// `c = c + t` or `c += t`
    Add(Term),
    /// `c = c - t` or `c -= t`
    Subtract(Term),
    /// `c = t + c`
    Prepend(Term),
    /// `c[k] = t`
    SetElement {
        /// Key of a map or index of a list.
        key: Term,
        /// The value.
        value: Term,
    },
    /// `c.f = t`
    SetField {
        /// The field of a user-defined type.
        field: Identifier,
        /// The value.
        value: Term,
    },
}

/// DELETE.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// What is deleted of each row; empty: the rows themselves.
    pub targets: Vec<DeleteTarget>,
    /// FROM.
    pub table: QualifiedName,
    /// USING TIMESTAMP in microseconds: an integer literal or a marker.
    pub timestamp: Option<Term>,
    /// WHERE.
    pub relations: Vec<Relation>,
    /// IF.
    pub condition: Option<IfClause>,
}

/// What a DELETE deletes of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum DeleteTarget {
    /// `c`
    Column(Identifier),
    /// `c[k]`
    Element {
        /// The column.
        column: Identifier,
        /// Key of a map, index of a list or element of a set.
        key: Term,
    },
    /// `c.f`
    Field {
        /// The column.
        column: Identifier,
        /// The field.
        field: Identifier,
    },
}

/// The IF of an UPDATE or DELETE.
#[derive(Clone, Debug, PartialEq)]
pub enum IfClause {
    /// IF EXISTS.
    Exists,
    /// IF c = t AND ...
    Conditions(Vec<Condition>),
}

/// One condition of an IF.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The column.
    pub column: Identifier,
    /// Which part of it.
    pub part: ConditionPart,
    /// What must hold for it.
    pub test: ConditionTest,
}

/// Which part of a column a condition looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum ConditionPart {
    /// All of it.
    Whole,
    /// `c[k]`
    Element(Term),
    /// `c.f`
    Field(Identifier),
}

/// What a condition demands.
#[derive(Clone, Debug, PartialEq)]
pub enum ConditionTest {
    /// `= t`, `CONTAINS t` ...
    Compare(Operator, Term),
    /// `IN (...)`
    In(InValues),
}

/// BATCH.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Its kind.
    pub kind: BatchKind,
    /// USING before the statements. A TTL there is grammatical, yet never valid.
    pub using: Using,
    /// The statements, perhaps none.
    pub statements: Vec<BatchStatement>,
}

/// The kinds of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchKind {
    /// BEGIN BATCH.
    Logged,
    /// BEGIN UNLOGGED BATCH.
    Unlogged,
    /// BEGIN COUNTER BATCH.
    Counter,
}

/// A statement of a batch and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchStatement {
    /// The statement.
    pub kind: BatchStatementKind,
    /// Where it starts.
    pub position: Position,
}

/// The statements that a batch can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchStatementKind {
    /// INSERT.
    Insert(Insert),
    /// UPDATE.
    Update(Update),
    /// DELETE.
    Delete(Delete),
}
