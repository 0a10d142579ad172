//! Roles, users and identities.

use crate::ast::{
    AddIdentity, AlterRole, AlterUser, Constant, ConstantKind, CreateRole, CreateUser, DropIdentity, DropRole,
    Identifier, Property, PropertyValue, RoleOption, UserPassword,
};
use crate::lexer::TokenKind;

use super::cursor::{Parsed, Parser};

impl Parser<'_> {
    /// CREATE ROLE, from after these words.
    pub(super) fn create_role(&mut self) -> Parsed<CreateRole> {
        let if_not_exists = self.accept_if_not_exists()?;
        Ok(CreateRole { name: self.role_name()?, if_not_exists, options: self.role_options()? })
    }

    /// ALTER ROLE, from after these words.
    pub(super) fn alter_role(&mut self) -> Parsed<AlterRole> {
        let if_exists = self.accept_if_exists()?;
        Ok(AlterRole { name: self.role_name()?, if_exists, options: self.role_options()? })
    }

    /// DROP ROLE or DROP USER, from after these words.
    pub(super) fn drop_role(&mut self) -> Parsed<DropRole> {
        let if_exists = self.accept_if_exists()?;
        Ok(DropRole { name: self.role_name()?, if_exists })
    }

    fn role_options(&mut self) -> Parsed<Vec<RoleOption>> {
        let mut options = Vec::new();
        if !self.accept_word("with") {
            return Ok(options);
        }
        loop {
            options.push(self.role_option()?);
            if !self.accept_word("and") {
                return Ok(options);
            }
        }
    }

    fn role_option(&mut self) -> Parsed<RoleOption> {
        if self.accept_word("access") {
            if self.accept_word("to") {
                return Ok(RoleOption::AccessToDatacenters(self.access_list("datacenters")?));
            }
            self.expect_word("from")?;
            return Ok(RoleOption::AccessFromCidrs(self.access_list("cidrs")?));
        }
        if self.at_words("hashed", "password") {
            let position = self.advance().position;
            self.advance();
            self.expect(TokenKind::Eq)?;
            let name = Identifier { name: "hashed_password".into(), quoted: false, position };
            let text = self.string()?;
            let value = PropertyValue::Constant(Constant { kind: ConstantKind::String, text });
            return Ok(RoleOption::Property(Property { name, value }));
        }
        let known = ["password", "options", "superuser", "login"].iter().any(|word| self.at_word(word));
        if !known {
            return Err(self.unexpected());
        }
        Ok(RoleOption::Property(self.property()?))
    }

    fn access_list(&mut self, what: &str) -> Parsed<Vec<String>> {
        if self.accept_word("all") {
            self.expect_word(what)?;
            return Ok(Vec::new());
        }
        self.expect_word(what)?;
        self.expect(TokenKind::LeftBrace)?;
        let names = self.comma_separated(Self::string)?;
        self.expect(TokenKind::RightBrace)?;
        Ok(names)
    }

    /// CREATE USER, from after these words.
    pub(super) fn create_user(&mut self) -> Parsed<CreateUser> {
        let if_not_exists = self.accept_if_not_exists()?;
        let name = self.role_name()?;
        let password = self.user_password()?;
        let superuser = self.superuser().unwrap_or(false);
        Ok(CreateUser { name, if_not_exists, password, superuser })
    }

    /// ALTER USER, from after these words.
    pub(super) fn alter_user(&mut self) -> Parsed<AlterUser> {
        let if_exists = self.accept_if_exists()?;
        let name = self.role_name()?;
        let password = self.user_password()?;
        Ok(AlterUser { name, if_exists, password, superuser: self.superuser() })
    }

    fn superuser(&mut self) -> Option<bool> {
        if self.accept_word("superuser") {
            Some(true)
        } else if self.accept_word("nosuperuser") {
            Some(false)
        } else {
            None
        }
    }

    fn user_password(&mut self) -> Parsed<Option<UserPassword>> {
        if !self.accept_word("with") {
            return Ok(None);
        }
        let hashed = self.accept_word("hashed");
        self.expect_word("password")?;
        let text = self.string()?;
        Ok(Some(if hashed { UserPassword::Hashed(text) } else { UserPassword::Plain(text) }))
    }

    /// ADD IDENTITY, from after these words.
    pub(super) fn add_identity(&mut self) -> Parsed<AddIdentity> {
        let if_not_exists = self.accept_if_not_exists()?;
        let identity = self.role_name()?.name;
        self.expect_word("to")?;
        self.expect_word("role")?;
        Ok(AddIdentity { identity, if_not_exists, role: self.role_name()? })
    }

    /// DROP IDENTITY, from after these words.
    pub(super) fn drop_identity(&mut self) -> Parsed<DropIdentity> {
        let if_exists = self.accept_if_exists()?;
        Ok(DropIdentity { identity: self.role_name()?.name, if_exists })
    }
}
