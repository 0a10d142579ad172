//! Tokens and replicas as the driver computes them, against the server's.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Steps, checks, kinds, need, row};
use crate::driver::{Driver, Failure, Statement};
use crate::form::{self, comparable};
use crate::kind::Kind;
use crate::script;

const PAGE_SIZE: i32 = 100;

impl<D: Driver> Steps<'_, D> {
    pub(super) async fn tokens(&mut self, step: &Value) -> Result<(), Failure> {
        self.create(step).await?;
        let key_kinds = kinds(script::array(step, "types")?)?;
        let insert = self.prepared(script::text(step, "insert")?).await?;
        let mut keys = BTreeMap::new();
        for key in script::array(step, "keys")? {
            let forms = form::elements(key)?.iter().zip(&key_kinds);
            let name = forms.map(|(form, kind)| comparable(kind, form)).collect::<Result<Vec<Value>>>()?;
            keys.insert(Value::from(name).to_string(), row::<D>(&key_kinds, key)?);
        }
        self.driver.run_all(&insert, keys.values().cloned().collect()).await?;

        let mut row_kinds = key_kinds;
        row_kinds.push(Kind::Native("bigint".into()));
        let rows = self.driver.pager(Statement::Simple(script::text(step, "select")?), PAGE_SIZE).await?;
        let mut seen = BTreeSet::new();
        for row in &rows {
            let mut forms = checks::forms::<D>(&row_kinds, row)?;
            let token: i64 = form::parse(&forms.pop().context("a row without a token")?)?;
            let name = Value::from(forms).to_string();
            let key = keys.get(&name).with_context(|| format!("{name} was not written"))?;
            let routed =
                self.driver.routed(script::text(step, "keyspace")?, script::text(step, "table")?, &insert, key)?;
            need(routed.token == token, || {
                format!("token {} instead of the server's {token} for {name}", routed.token)
            })?;
            let replicas: BTreeSet<_> = routed.replicas.iter().collect();
            let is_right =
                replicas.len() == routed.replicas.len() && replicas.len() == script::number::<usize>(step, "replicas")?;
            need(is_right, || format!("replicas {:?} for {name}", routed.replicas))?;
            seen.insert(name);
        }
        need(seen.len() == keys.len(), || format!("{} keys instead of {}", seen.len(), keys.len()))
    }
}
