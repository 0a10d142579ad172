//! DESCRIBE.

use super::{Identifier, QualifiedName};

/// DESCRIBE.
#[derive(Clone, Debug, PartialEq)]
pub struct Describe {
    /// What is described.
    pub target: DescribeTarget,
    /// WITH INTERNALS.
    pub with_internals: bool,
}

/// What is described.
#[derive(Clone, Debug, PartialEq)]
pub enum DescribeTarget {
    /// CLUSTER.
    Cluster,
    /// [FULL] SCHEMA.
    Schema {
        /// FULL: system keyspaces too.
        full: bool,
    },
    /// KEYSPACES.
    Keyspaces,
    /// [ONLY] KEYSPACE [name].
    Keyspace {
        /// ONLY: without what is in it.
        only: bool,
        /// The keyspace; none: the current one.
        name: Option<Identifier>,
    },
    /// TABLES.
    Tables,
    /// TABLE name.
    Table(QualifiedName),
    /// INDEX name.
    Index(QualifiedName),
    /// MATERIALIZED VIEW name.
    View(QualifiedName),
    /// TYPES.
    Types,
    /// TYPE name.
    Type(QualifiedName),
    /// FUNCTIONS.
    Functions,
    /// FUNCTION name.
    Function(QualifiedName),
    /// AGGREGATES.
    Aggregates,
    /// AGGREGATE name.
    Aggregate(QualifiedName),
    /// A bare name: a keyspace, else a table, index or view.
    Any(QualifiedName),
}
