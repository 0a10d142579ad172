//! CREATE, ALTER and DROP of keyspaces and tables.

use super::{Constant, Identifier, Position, QualifiedName, Term, TypeName};

/// One `name = value` of a WITH clause.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The name.
    pub name: Identifier,
    /// The value.
    pub value: PropertyValue,
}

/// The value of a property.
#[derive(Clone, Debug, PartialEq)]
pub enum PropertyValue {
    /// A string, number, boolean ...
    Constant(Constant),
    /// A bare word, in lower case.
    Word(Identifier),
    /// `{'k': v, ...}`, perhaps empty.
    Map(Vec<(Constant, Constant)>),
}

/// CREATE KEYSPACE.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateKeyspace {
    /// The name.
    pub name: Identifier,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// WITH.
    pub properties: Vec<Property>,
}

/// ALTER KEYSPACE.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterKeyspace {
    /// The name.
    pub name: Identifier,
    /// IF EXISTS.
    pub if_exists: bool,
    /// WITH.
    pub properties: Vec<Property>,
}

/// DROP KEYSPACE.
#[derive(Clone, Debug, PartialEq)]
pub struct DropKeyspace {
    /// The name.
    pub name: Identifier,
    /// IF EXISTS.
    pub if_exists: bool,
}

/// DROP of a table, type, index or view.
#[derive(Clone, Debug, PartialEq)]
pub struct DropObject {
    /// The name.
    pub name: QualifiedName,
    /// IF EXISTS.
    pub if_exists: bool,
}

/// CREATE TABLE.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// The name.
    pub name: QualifiedName,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The columns in the order given.
    pub columns: Vec<ColumnDefinition>,
    /// All PRIMARY KEYs in the order given, those beside a column too. Only exactly one is valid, which is not
    /// checked here.
    pub primary_keys: Vec<PrimaryKey>,
    /// WITH, apart from COMPACT STORAGE and CLUSTERING ORDER BY. `ID = '...'` is the property `id`.
    pub properties: Vec<Property>,
    /// WITH COMPACT STORAGE.
    pub compact_storage: bool,
    /// WITH CLUSTERING ORDER BY.
    pub clustering_order: Vec<ClusteringOrder>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDefinition {
    /// The name.
    pub name: Identifier,
    /// The type.
    pub type_name: TypeName,
    /// STATIC.
    pub is_static: bool,
    /// MASKED WITH.
    pub mask: Option<ColumnMask>,
}

/// MASKED WITH: the function through which those see a column who may not see it plainly.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnMask {
    /// MASKED WITH DEFAULT.
    Default,
    /// MASKED WITH f(...).
    Function {
        /// The function.
        name: QualifiedName,
        /// Its arguments after the column's value.
        arguments: Vec<Term>,
    },
}

/// PRIMARY KEY.
#[derive(Clone, Debug, PartialEq)]
pub struct PrimaryKey {
    /// The columns of the partition key.
    pub partition_key: Vec<Identifier>,
    /// The clustering columns.
    pub clustering: Vec<Identifier>,
    /// Where PRIMARY stands.
    pub position: Position,
}

/// One column of CLUSTERING ORDER BY.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusteringOrder {
    /// The column.
    pub column: Identifier,
    /// DESC.
    pub descending: bool,
}

/// ALTER TABLE.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterTable {
    /// The name.
    pub name: QualifiedName,
    /// IF EXISTS.
    pub if_exists: bool,
    /// What changes.
    pub change: TableChange,
}

/// What ALTER TABLE changes.
#[derive(Clone, Debug, PartialEq)]
pub enum TableChange {
    /// ADD.
    Add {
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// The new columns.
        columns: Vec<ColumnDefinition>,
    },
    /// DROP.
    Drop {
        /// IF EXISTS.
        if_exists: bool,
        /// The columns.
        columns: Vec<Identifier>,
        /// USING TIMESTAMP in microseconds: an integer literal.
        timestamp: Option<Term>,
    },
    /// RENAME.
    Rename {
        /// IF EXISTS.
        if_exists: bool,
        /// Old and new names.
        names: Vec<(Identifier, Identifier)>,
    },
    /// ALTER column TYPE.
    AlterType {
        /// IF EXISTS.
        if_exists: bool,
        /// The column.
        column: Identifier,
        /// The new type.
        type_name: TypeName,
    },
    /// ALTER column MASKED WITH, ALTER column DROP MASKED.
    AlterMask {
        /// IF EXISTS.
        if_exists: bool,
        /// The column.
        column: Identifier,
        /// The new mask; none: it is dropped.
        mask: Option<ColumnMask>,
    },
    /// DROP COMPACT STORAGE.
    DropCompactStorage,
    /// WITH.
    Properties(Vec<Property>),
}
