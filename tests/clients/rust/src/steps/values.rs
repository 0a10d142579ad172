//! Values there and back: types, keys, large blobs.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Steps, need};
use crate::driver::{Driver, Failure};
use crate::form::{self, comparable};
use crate::kind::Kind;
use crate::script;

/// Keys of what was bound; those of literals begin at 0.
const FIRST_BOUND_KEY: usize = 1_000;

fn native(name: &str) -> Kind {
    Kind::Native(name.to_owned())
}

impl<D: Driver> Steps<'_, D> {
    fn int(number: usize) -> Result<D::Bound> {
        D::bound(&native("int"), &form::of(number))
    }

    pub(super) async fn type_case(&mut self, step: &Value, number: usize, case: &Value) -> Result<(), Failure> {
        let table = script::text(step, "table")?;
        let kind = Kind::parse(script::text(step, "type")?)?;
        let literal = script::text(case, "literal")?;
        let insert = self.prepared(&format!("INSERT INTO {table} (k, v) VALUES (?, ?)")).await?;
        let select = self.prepared(&format!("SELECT v FROM {table} WHERE k = ?")).await?;
        self.simple(&format!("INSERT INTO {table} (k, v) VALUES ({number}, {literal})")).await?;
        let values = vec![Self::int(FIRST_BOUND_KEY + number)?, D::bound(&kind, &case["value"])?];
        self.with(&insert, values).await?;
        let wanted = comparable(&kind, &case["value"])?;
        for (way, key) in [("literal", number), ("bound", FIRST_BOUND_KEY + number)] {
            let answer = self.with(&select, vec![Self::int(key)?]).await?;
            let value = self.only(&kind, &answer)?;
            need(value == wanted, || format!("{way}: {value} instead of {wanted}"))?;
            if let Some(function) = step["as_blob"].as_str() {
                self.check_bytes(table, function, key, &case["hex"]).await?;
            }
            if step["filter"] == json!(true) && !case["value"].is_null() {
                let answer = self
                    .simple(&format!("SELECT k FROM {table} WHERE k = {key} AND v = {literal} ALLOW FILTERING"))
                    .await?;
                need(answer.rows.len() == 1, || format!("{way}: not found by v = {literal}"))?;
            }
        }
        Ok(())
    }

    async fn check_bytes(&self, table: &str, function: &str, key: usize, wanted: &Value) -> Result<(), Failure> {
        let answer = self.simple(&format!("SELECT {function}(v) AS b FROM {table} WHERE k = {key}")).await?;
        let bytes = self.only(&native("blob"), &answer)?;
        need(bytes == *wanted, || format!("bytes {bytes} instead of {wanted} under key {key}"))
    }

    pub(super) async fn large_case(&mut self, step: &Value, number: usize, case: &Value) -> Result<(), Failure> {
        let table = script::text(step, "table")?;
        let size_bytes: usize = script::number(case, "size_bytes")?;
        let bytes: Vec<u8> = (0..size_bytes).map(|at| (at * 31 % 251) as u8).collect();
        let wanted = form::hex(&bytes);
        let insert = self.prepared(&format!("INSERT INTO {table} (k, v) VALUES (?, ?)")).await?;
        let select = self.prepared(&format!("SELECT v FROM {table} WHERE k = ?")).await?;
        self.with(&insert, vec![Self::int(number)?, D::bound(&native("blob"), &wanted)?]).await?;
        let answer = self.with(&select, vec![Self::int(number)?]).await?;
        need(self.only(&native("blob"), &answer)? == wanted, || "another value came back".into())
    }

    pub(super) async fn keys(&mut self, step: &Value) -> Result<(), Failure> {
        self.create(step).await?;
        let table = script::text(step, "table")?;
        let kind = Kind::parse(script::text(step, "type")?)?;
        let insert = self.prepared(&format!("INSERT INTO {table} (p, c) VALUES (?, ?)")).await?;
        let select = self.prepared(&format!("SELECT p, c FROM {table} WHERE p = ? AND c = ?")).await?;
        let forms = script::array(step, "values")?;
        let values = forms.iter().map(|form| D::bound(&kind, form)).collect::<Result<Vec<_>>>()?;
        for value in &values {
            let first = values.first().unwrap_or(value).clone();
            self.with(&insert, vec![first, value.clone()]).await?;
            self.with(&insert, vec![value.clone(), value.clone()]).await?;
        }
        for (form, value) in forms.iter().zip(&values) {
            let answer = self.with(&select, vec![value.clone(), value.clone()]).await?;
            let wanted = json!([form, form]);
            super::checks::compare::<D>(&[kind.clone(), kind.clone()], &[wanted], &answer.rows)?;
        }
        Ok(())
    }
}
