//! Answers against what a step wants.

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::{Steps, need};
use crate::driver::{Answer, Driver, Failure};
use crate::form::{self, comparable};
use crate::kind::Kind;
use crate::script;

/// The outcome, unless the step wants an error: then that error and no other.
pub fn wanted_error<T>(step: &Value, outcome: Result<T, Failure>) -> Result<Option<T>, Failure> {
    let Some(wanted) = step["error"].as_str() else {
        return outcome.map(Some);
    };
    match outcome {
        Err(Failure::Server { code, message }) => {
            let is_right = wanted.strip_prefix("0x").and_then(|hex| i32::from_str_radix(hex, 16).ok()) == Some(code);
            need(is_right, || format!("error {code:#06x} instead of {wanted}: {message}"))?;
            Ok(None)
        }
        Err(other) => Err(other),
        Ok(_) => Err(Failure::Other(anyhow!("no error instead of {wanted}"))),
    }
}

/// A row, comparable.
pub fn forms<D: Driver>(kinds: &[Kind], row: &[Option<D::Read>]) -> Result<Vec<Value>> {
    anyhow::ensure!(row.len() == kinds.len(), "{} values instead of {}", row.len(), kinds.len());
    let form = |(kind, value): (&Kind, &Option<D::Read>)| match value {
        Some(value) => D::form(kind, value),
        None => Ok(Value::Null),
    };
    kinds.iter().zip(row).map(form).collect()
}

/// The rows are these, in this order.
pub fn compare<D: Driver>(kinds: &[Kind], wanted: &[Value], rows: &[Vec<Option<D::Read>>]) -> Result<(), Failure> {
    let seen = rows.iter().map(|row| forms::<D>(kinds, row)).collect::<Result<Vec<_>>>()?;
    let wanted = wanted.iter().map(|row| {
        let row = form::elements(row)?.iter().zip(kinds);
        row.map(|(form, kind)| comparable(kind, form)).collect()
    });
    let wanted = wanted.collect::<Result<Vec<Vec<Value>>>>()?;
    need(seen == wanted, || format!("rows {} instead of {}", Value::from(seen.concat()), Value::from(wanted.concat())))
}

impl<D: Driver> Steps<'_, D> {
    /// The outcome is what the step wants.
    pub(super) fn check(&self, step: &Value, outcome: Result<Answer<D::Read>, Failure>) -> Result<(), Failure> {
        let Some(answer) = wanted_error(step, outcome)? else {
            return Ok(());
        };
        if step["columns"].is_null() {
            return Ok(());
        }
        let (names, kinds) = columns(step)?;
        need(answer.columns == names, || format!("columns {:?} instead of {names:?}", answer.columns))?;
        compare::<D>(&kinds, script::array(step, "rows")?, &answer.rows)
    }

    /// The only value of the only row.
    pub(super) fn only(&self, kind: &Kind, answer: &Answer<D::Read>) -> Result<Value> {
        let [row] = answer.rows.as_slice() else {
            anyhow::bail!("{} rows instead of 1", answer.rows.len());
        };
        forms::<D>(std::slice::from_ref(kind), row)?.pop().context("a row without columns")
    }
}

/// Names and types of a step's columns.
pub fn columns(step: &Value) -> Result<(Vec<&str>, Vec<Kind>)> {
    let mut names = Vec::new();
    let mut kinds = Vec::new();
    for column in script::array(step, "columns")? {
        let (name, kind) = form::pair(column)?;
        names.push(form::text(name)?);
        kinds.push(Kind::parse(form::text(kind)?)?);
    }
    Ok((names, kinds))
}
