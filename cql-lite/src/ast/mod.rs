//! The abstract syntax tree of CQL 3.4.7 (the language of Apache Cassandra 5.0): what a statement says, before any
//! name in it is looked up. Pure data.

pub mod access;
pub mod data;
pub mod describe;
mod display;
pub mod name;
pub mod object;
pub mod relation;
pub mod schema;
pub mod select;
pub mod term;
pub mod type_name;

pub use access::*;
pub use data::*;
pub use describe::*;
pub use name::*;
pub use object::*;
pub use relation::*;
pub use schema::*;
pub use select::*;
pub use term::*;
pub use type_name::*;

/// A parsed statement with its bind markers.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedStatement {
    /// The statement.
    pub statement: Statement,
    /// The names of the bind markers in order of occurrence: `None` for `?`, `Some` for `:name`. Its length is the
    /// number of values to bind; a name that occurs twice has two entries.
    pub markers: Vec<Option<String>>,
    /// How many tokens it was made of: what it takes in memory goes with them.
    pub tokens: usize,
}

/// One CQL statement.
// Made once per parse and passed by reference afterwards, so the size of the variants costs little.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// SELECT.
    Select(Select),
    /// INSERT.
    Insert(Insert),
    /// UPDATE.
    Update(Update),
    /// DELETE.
    Delete(Delete),
    /// BEGIN ... BATCH ... APPLY BATCH.
    Batch(Batch),
    /// USE.
    Use(Identifier),
    /// TRUNCATE.
    Truncate(QualifiedName),
    /// DESCRIBE.
    Describe(Describe),
    /// CREATE KEYSPACE.
    CreateKeyspace(CreateKeyspace),
    /// ALTER KEYSPACE.
    AlterKeyspace(AlterKeyspace),
    /// DROP KEYSPACE.
    DropKeyspace(DropKeyspace),
    /// CREATE TABLE.
    CreateTable(CreateTable),
    /// ALTER TABLE.
    AlterTable(AlterTable),
    /// DROP TABLE.
    DropTable(DropObject),
    /// CREATE TYPE.
    CreateType(CreateType),
    /// ALTER TYPE.
    AlterType(AlterType),
    /// DROP TYPE.
    DropType(DropObject),
    /// CREATE INDEX, CREATE CUSTOM INDEX.
    CreateIndex(CreateIndex),
    /// DROP INDEX.
    DropIndex(DropObject),
    /// CREATE MATERIALIZED VIEW.
    CreateView(CreateView),
    /// ALTER MATERIALIZED VIEW.
    AlterView(AlterView),
    /// DROP MATERIALIZED VIEW.
    DropView(DropObject),
    /// CREATE FUNCTION.
    CreateFunction(CreateFunction),
    /// DROP FUNCTION.
    DropFunction(DropFunction),
    /// CREATE AGGREGATE.
    CreateAggregate(CreateAggregate),
    /// DROP AGGREGATE.
    DropAggregate(DropFunction),
    /// CREATE TRIGGER.
    CreateTrigger(CreateTrigger),
    /// DROP TRIGGER.
    DropTrigger(DropTrigger),
    /// CREATE ROLE.
    CreateRole(CreateRole),
    /// ALTER ROLE.
    AlterRole(AlterRole),
    /// DROP ROLE.
    DropRole(DropRole),
    /// CREATE USER.
    CreateUser(CreateUser),
    /// ALTER USER.
    AlterUser(AlterUser),
    /// DROP USER.
    DropUser(DropRole),
    /// GRANT permissions ON resource TO role.
    GrantPermissions(PermissionChange),
    /// REVOKE permissions ON resource FROM role.
    RevokePermissions(PermissionChange),
    /// GRANT role TO role.
    GrantRole(RoleChange),
    /// REVOKE role FROM role.
    RevokeRole(RoleChange),
    /// LIST permissions.
    ListPermissions(ListPermissions),
    /// LIST ROLES.
    ListRoles(ListRoles),
    /// LIST USERS.
    ListUsers,
    /// LIST SUPERUSERS.
    ListSuperusers,
    /// ADD IDENTITY.
    AddIdentity(AddIdentity),
    /// DROP IDENTITY.
    DropIdentity(DropIdentity),
}

impl Statement {
    /// The statement's opening keywords in upper case, for messages such as "CREATE INDEX is not supported".
    pub fn name(&self) -> &'static str {
        match self {
            Self::Select(_) => "SELECT",
            Self::Insert(_) => "INSERT",
            Self::Update(_) => "UPDATE",
            Self::Delete(_) => "DELETE",
            Self::Batch(_) => "BATCH",
            Self::Use(_) => "USE",
            Self::Truncate(_) => "TRUNCATE",
            Self::Describe(_) => "DESCRIBE",
            Self::CreateKeyspace(_) => "CREATE KEYSPACE",
            Self::AlterKeyspace(_) => "ALTER KEYSPACE",
            Self::DropKeyspace(_) => "DROP KEYSPACE",
            Self::CreateTable(_) => "CREATE TABLE",
            Self::AlterTable(_) => "ALTER TABLE",
            Self::DropTable(_) => "DROP TABLE",
            Self::CreateType(_) => "CREATE TYPE",
            Self::AlterType(_) => "ALTER TYPE",
            Self::DropType(_) => "DROP TYPE",
            Self::CreateIndex(_) => "CREATE INDEX",
            Self::DropIndex(_) => "DROP INDEX",
            Self::CreateView(_) => "CREATE MATERIALIZED VIEW",
            Self::AlterView(_) => "ALTER MATERIALIZED VIEW",
            Self::DropView(_) => "DROP MATERIALIZED VIEW",
            Self::CreateFunction(_) => "CREATE FUNCTION",
            Self::DropFunction(_) => "DROP FUNCTION",
            Self::CreateAggregate(_) => "CREATE AGGREGATE",
            Self::DropAggregate(_) => "DROP AGGREGATE",
            Self::CreateTrigger(_) => "CREATE TRIGGER",
            Self::DropTrigger(_) => "DROP TRIGGER",
            Self::CreateRole(_) => "CREATE ROLE",
            Self::AlterRole(_) => "ALTER ROLE",
            Self::DropRole(_) => "DROP ROLE",
            Self::CreateUser(_) => "CREATE USER",
            Self::AlterUser(_) => "ALTER USER",
            Self::DropUser(_) => "DROP USER",
            Self::GrantPermissions(_) | Self::GrantRole(_) => "GRANT",
            Self::RevokePermissions(_) | Self::RevokeRole(_) => "REVOKE",
            Self::ListPermissions(_) => "LIST PERMISSIONS",
            Self::ListRoles(_) => "LIST ROLES",
            Self::ListUsers => "LIST USERS",
            Self::ListSuperusers => "LIST SUPERUSERS",
            Self::AddIdentity(_) => "ADD IDENTITY",
            Self::DropIdentity(_) => "DROP IDENTITY",
        }
    }
}
