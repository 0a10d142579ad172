//! Roles, users, permissions and identities.

use super::{Identifier, Property, QualifiedName, TypeName};

/// One element of a role's WITH clause.
#[derive(Clone, Debug, PartialEq)]
pub enum RoleOption {
    /// PASSWORD = '...' or another `name = value`: LOGIN, SUPERUSER, OPTIONS, HASHED PASSWORD (named
    /// `hashed_password`).
    Property(Property),
    /// ACCESS TO DATACENTERS {...}; empty: ACCESS TO ALL DATACENTERS.
    AccessToDatacenters(Vec<String>),
    /// ACCESS FROM CIDRS {...}; empty: ACCESS FROM ALL CIDRS.
    AccessFromCidrs(Vec<String>),
}

/// CREATE ROLE.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateRole {
    /// The role.
    pub name: Identifier,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// WITH.
    pub options: Vec<RoleOption>,
}

/// ALTER ROLE.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterRole {
    /// The role.
    pub name: Identifier,
    /// IF EXISTS.
    pub if_exists: bool,
    /// WITH.
    pub options: Vec<RoleOption>,
}

/// DROP ROLE, DROP USER.
#[derive(Clone, Debug, PartialEq)]
pub struct DropRole {
    /// The role.
    pub name: Identifier,
    /// IF EXISTS.
    pub if_exists: bool,
}

/// WITH [HASHED] PASSWORD '...'.
#[derive(Clone, Debug, PartialEq)]
pub enum UserPassword {
    /// PASSWORD '...'.
    Plain(String),
    /// HASHED PASSWORD '...'.
    Hashed(String),
}

/// CREATE USER.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateUser {
    /// The user.
    pub name: Identifier,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// WITH PASSWORD.
    pub password: Option<UserPassword>,
    /// SUPERUSER.
    pub superuser: bool,
}

/// ALTER USER.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterUser {
    /// The user.
    pub name: Identifier,
    /// IF EXISTS.
    pub if_exists: bool,
    /// WITH PASSWORD.
    pub password: Option<UserPassword>,
    /// SUPERUSER or NOSUPERUSER, if either is given.
    pub superuser: Option<bool>,
}

/// Permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// CREATE.
    Create,
    /// ALTER.
    Alter,
    /// DROP.
    Drop,
    /// SELECT.
    Select,
    /// MODIFY.
    Modify,
    /// AUTHORIZE.
    Authorize,
    /// DESCRIBE.
    Describe,
    /// EXECUTE.
    Execute,
    /// UNMASK.
    Unmask,
    /// SELECT_MASKED.
    SelectMasked,
}

/// Which permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// ALL [PERMISSIONS].
    All,
    /// These.
    Some(Vec<Permission>),
}

/// What a permission is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Resource {
    /// ALL KEYSPACES.
    AllKeyspaces,
    /// KEYSPACE name.
    Keyspace(Identifier),
    /// [TABLE] name.
    Table(QualifiedName),
    /// ALL TABLES IN KEYSPACE name.
    AllTables(Identifier),
    /// ALL ROLES.
    AllRoles,
    /// ROLE name.
    Role(Identifier),
    /// ALL FUNCTIONS.
    AllFunctions,
    /// ALL FUNCTIONS IN KEYSPACE name.
    AllFunctionsIn(Identifier),
    /// FUNCTION name(types).
    Function(QualifiedName, Vec<TypeName>),
    /// ALL MBEANS.
    AllMbeans,
    /// MBEAN 'name'.
    Mbean(String),
    /// MBEANS 'pattern'.
    Mbeans(String),
}

/// GRANT or REVOKE of permissions.
#[derive(Clone, Debug, PartialEq)]
pub struct PermissionChange {
    /// The permissions.
    pub permissions: Permissions,
    /// ON.
    pub resource: Resource,
    /// TO or FROM.
    pub role: Identifier,
}

/// GRANT or REVOKE of a role.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleChange {
    /// The role that is granted.
    pub role: Identifier,
    /// TO or FROM.
    pub grantee: Identifier,
}

/// LIST permissions.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPermissions {
    /// The permissions.
    pub permissions: Permissions,
    /// ON.
    pub resource: Option<Resource>,
    /// OF.
    pub role: Option<Identifier>,
    /// Not NORECURSIVE.
    pub recursive: bool,
}

/// LIST ROLES.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRoles {
    /// OF.
    pub role: Option<Identifier>,
    /// Not NORECURSIVE.
    pub recursive: bool,
}

/// ADD IDENTITY 'identity' TO ROLE 'role'.
#[derive(Clone, Debug, PartialEq)]
pub struct AddIdentity {
    /// The identity.
    pub identity: String,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The role.
    pub role: Identifier,
}

/// DROP IDENTITY 'identity'.
#[derive(Clone, Debug, PartialEq)]
pub struct DropIdentity {
    /// The identity.
    pub identity: String,
    /// IF EXISTS.
    pub if_exists: bool,
}
