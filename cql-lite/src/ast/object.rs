//! CREATE, ALTER and DROP of types, indexes, materialized views, functions, aggregates and triggers.

use super::{ClusteringOrder, Identifier, PrimaryKey, Property, QualifiedName, Relation, Selection, Term, TypeName};

/// CREATE TYPE.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateType {
    /// The name.
    pub name: QualifiedName,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The fields.
    pub fields: Vec<(Identifier, TypeName)>,
}

/// ALTER TYPE.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterType {
    /// The name.
    pub name: QualifiedName,
    /// IF EXISTS.
    pub if_exists: bool,
    /// What changes.
    pub change: TypeChange,
}

/// What ALTER TYPE changes.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeChange {
    /// ADD.
    Add {
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// The new field.
        field: Identifier,
        /// Its type.
        type_name: TypeName,
    },
    /// RENAME.
    Rename {
        /// IF EXISTS.
        if_exists: bool,
        /// Old and new names.
        names: Vec<(Identifier, Identifier)>,
    },
    /// ALTER field TYPE.
    AlterType {
        /// The field.
        field: Identifier,
        /// The new type.
        type_name: TypeName,
    },
}

/// CREATE INDEX.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateIndex {
    /// The name, if given.
    pub name: Option<Identifier>,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// CREATE CUSTOM INDEX.
    pub custom: bool,
    /// ON.
    pub table: QualifiedName,
    /// What is indexed, perhaps nothing.
    pub targets: Vec<IndexTarget>,
    /// USING 'class'.
    pub using: Option<String>,
    /// WITH.
    pub properties: Vec<Property>,
}

/// What an index indexes.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexTarget {
    /// Which part of the column.
    pub kind: IndexTargetKind,
    /// The column.
    pub column: Identifier,
}

/// Which part of a column an index indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexTargetKind {
    /// `c`
    Simple,
    /// `values(c)`
    Values,
    /// `keys(c)`
    Keys,
    /// `entries(c)`
    Entries,
    /// `full(c)`
    Full,
}

/// CREATE MATERIALIZED VIEW.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateView {
    /// The name.
    pub name: QualifiedName,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// SELECT.
    pub selection: Selection,
    /// FROM.
    pub table: QualifiedName,
    /// WHERE.
    pub relations: Vec<Relation>,
    /// PRIMARY KEY.
    pub primary_key: PrimaryKey,
    /// WITH, apart from COMPACT STORAGE and CLUSTERING ORDER BY.
    pub properties: Vec<Property>,
    /// WITH COMPACT STORAGE.
    pub compact_storage: bool,
    /// WITH CLUSTERING ORDER BY.
    pub clustering_order: Vec<ClusteringOrder>,
}

/// ALTER MATERIALIZED VIEW.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterView {
    /// The name.
    pub name: QualifiedName,
    /// IF EXISTS.
    pub if_exists: bool,
    /// WITH.
    pub properties: Vec<Property>,
}

/// CREATE FUNCTION.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateFunction {
    /// OR REPLACE.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The name.
    pub name: QualifiedName,
    /// The arguments.
    pub arguments: Vec<(Identifier, TypeName)>,
    /// CALLED ON NULL INPUT (otherwise RETURNS NULL ON NULL INPUT).
    pub called_on_null_input: bool,
    /// RETURNS.
    pub returns: TypeName,
    /// LANGUAGE.
    pub language: Identifier,
    /// AS.
    pub body: String,
}

/// DROP FUNCTION, DROP AGGREGATE.
#[derive(Clone, Debug, PartialEq)]
pub struct DropFunction {
    /// IF EXISTS.
    pub if_exists: bool,
    /// The name.
    pub name: QualifiedName,
    /// The argument types, if given.
    pub argument_types: Option<Vec<TypeName>>,
}

/// CREATE AGGREGATE.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateAggregate {
    /// OR REPLACE.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The name.
    pub name: QualifiedName,
    /// The argument types.
    pub argument_types: Vec<TypeName>,
    /// SFUNC.
    pub state_function: Identifier,
    /// STYPE.
    pub state_type: TypeName,
    /// FINALFUNC.
    pub final_function: Option<Identifier>,
    /// INITCOND.
    pub initial_state: Option<Term>,
}

/// CREATE TRIGGER.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTrigger {
    /// The name.
    pub name: Identifier,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// ON.
    pub table: QualifiedName,
    /// USING.
    pub class: String,
}

/// DROP TRIGGER.
#[derive(Clone, Debug, PartialEq)]
pub struct DropTrigger {
    /// The name.
    pub name: Identifier,
    /// IF EXISTS.
    pub if_exists: bool,
    /// ON.
    pub table: QualifiedName,
}
