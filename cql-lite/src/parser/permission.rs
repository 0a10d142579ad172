//! GRANT, REVOKE and LIST.

use crate::ast::{
    Identifier, ListPermissions, ListRoles, Permission, PermissionChange, Permissions, Resource, RoleChange, Statement,
};
use crate::lexer::TokenKind;

use super::cursor::{Parsed, Parser};

const PERMISSIONS: [(&str, Permission); 10] = [
    ("create", Permission::Create),
    ("alter", Permission::Alter),
    ("drop", Permission::Drop),
    ("select", Permission::Select),
    ("modify", Permission::Modify),
    ("authorize", Permission::Authorize),
    ("describe", Permission::Describe),
    ("execute", Permission::Execute),
    ("unmask", Permission::Unmask),
    ("select_masked", Permission::SelectMasked),
];

impl Parser<'_> {
    /// GRANT, from after this word.
    pub(super) fn grant(&mut self) -> Parsed<Statement> {
        if self.permission_follows("to") {
            return Ok(Statement::GrantPermissions(self.permission_change("to")?));
        }
        Ok(Statement::GrantRole(self.role_change("to")?))
    }

    /// REVOKE, from after this word.
    pub(super) fn revoke(&mut self) -> Parsed<Statement> {
        if self.permission_follows("from") {
            return Ok(Statement::RevokePermissions(self.permission_change("from")?));
        }
        Ok(Statement::RevokeRole(self.role_change("from")?))
    }

    /// Whether a permission is next, not a role of such a name before `word`.
    fn permission_follows(&self, word: &str) -> bool {
        let [second] = self.ahead();
        (self.at_word("all") || PERMISSIONS.iter().any(|(name, _)| self.at_word(name))) && !self.is_word(second, word)
    }

    fn permission_change(&mut self, word: &str) -> Parsed<PermissionChange> {
        let permissions = self.permissions()?;
        self.expect_word("on")?;
        let resource = self.resource()?;
        self.expect_word(word)?;
        Ok(PermissionChange { permissions, resource, role: self.role_name()? })
    }

    fn role_change(&mut self, word: &str) -> Parsed<RoleChange> {
        let role = self.role_name()?;
        self.expect_word(word)?;
        Ok(RoleChange { role, grantee: self.role_name()? })
    }

    fn permissions(&mut self) -> Parsed<Permissions> {
        if self.accept_word("all") {
            self.accept_word("permissions");
            return Ok(Permissions::All);
        }
        Ok(Permissions::Some(self.comma_separated(|parser| {
            let found = PERMISSIONS.iter().find(|(name, _)| parser.at_word(name));
            let (_, permission) = found.ok_or_else(|| parser.unexpected())?;
            parser.advance();
            parser.accept_word("permission");
            Ok(*permission)
        })?))
    }

    fn resource(&mut self) -> Parsed<Resource> {
        if self.at_word("all") && self.second_kind() == TokenKind::Word {
            let [second] = self.ahead();
            if !self.is_word(second, "to") && !self.is_word(second, "from") && !self.is_word(second, "of") {
                self.advance();
                return self.all_resources();
            }
        }
        if self.accept_keyspace() {
            return Ok(Resource::Keyspace(self.object_name("keyspace")?));
        }
        if self.accept_table() {
            return Ok(Resource::Table(self.qualified_name()?));
        }
        let [second] = self.ahead();
        if second.kind == TokenKind::String {
            if self.accept_word("mbean") {
                return Ok(Resource::Mbean(self.string()?));
            }
            if self.accept_word("mbeans") {
                return Ok(Resource::Mbeans(self.string()?));
            }
        }
        if self.at_word("role") && (self.is_name(second) || second.kind == TokenKind::String) {
            self.advance();
            return Ok(Resource::Role(self.role_name()?));
        }
        if self.at_word("function") && self.is_name(second) {
            self.advance();
            let name = self.function_name()?;
            self.expect(TokenKind::LeftParen)?;
            return Ok(Resource::Function(name, self.items_until(TokenKind::RightParen, Self::type_name)?));
        }
        Ok(Resource::Table(self.qualified_name()?))
    }

    /// A resource, from after ALL.
    fn all_resources(&mut self) -> Parsed<Resource> {
        if self.accept_word("keyspaces") {
            Ok(Resource::AllKeyspaces)
        } else if self.accept_word("roles") {
            Ok(Resource::AllRoles)
        } else if self.accept_word("mbeans") {
            Ok(Resource::AllMbeans)
        } else if self.accept_word("functions") {
            let keyspace = self.optional_in_keyspace()?;
            Ok(keyspace.map_or(Resource::AllFunctions, Resource::AllFunctionsIn))
        } else if self.accept_word("tables") || self.accept_word("columnfamilies") {
            let keyspace = self.optional_in_keyspace()?;
            keyspace.map(Resource::AllTables).ok_or_else(|| self.mismatched("K_IN"))
        } else {
            Err(self.unexpected())
        }
    }

    fn optional_in_keyspace(&mut self) -> Parsed<Option<Identifier>> {
        if !self.accept_word("in") {
            return Ok(None);
        }
        if !self.accept_keyspace() {
            return Err(self.mismatched("K_KEYSPACE"));
        }
        Ok(Some(self.object_name("keyspace")?))
    }

    /// LIST, from after this word.
    pub(super) fn list(&mut self) -> Parsed<Statement> {
        if self.accept_word("users") {
            return Ok(Statement::ListUsers);
        }
        if self.accept_word("superusers") {
            return Ok(Statement::ListSuperusers);
        }
        if self.accept_word("roles") {
            let role = self.optional_of_role()?;
            return Ok(Statement::ListRoles(ListRoles { role, recursive: !self.accept_word("norecursive") }));
        }
        let permissions = self.permissions()?;
        let resource = if self.accept_word("on") { Some(self.resource()?) } else { None };
        let role = self.optional_of_role()?;
        let recursive = !self.accept_word("norecursive");
        Ok(Statement::ListPermissions(ListPermissions { permissions, resource, role, recursive }))
    }

    fn optional_of_role(&mut self) -> Parsed<Option<Identifier>> {
        if self.accept_word("of") { Ok(Some(self.role_name()?)) } else { Ok(None) }
    }
}
