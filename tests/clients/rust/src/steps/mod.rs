//! The steps of the script, by what they do (tests/clients/README.md, "Steps").

mod checks;
mod paging;
mod schema;
mod tokens;
mod values;

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::driver::{Answer, Driver, Failure, Statement};
use crate::kind::Kind;
use crate::script::{self, Settings};

/// An error that says what is not as it should be.
fn need(holds: bool, what: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::Other(anyhow!("{}", what()))) }
}

/// What steps leave to later ones.
pub struct Steps<'a, D: Driver> {
    settings: &'a Settings,
    driver: D,
    /// The second client, which watches what the first one does.
    observer: Option<D>,
    prepared: HashMap<String, D::Prepared>,
}

impl<'a, D: Driver> Steps<'a, D> {
    /// Connects.
    pub async fn connect(settings: &'a Settings) -> Result<Self> {
        let driver = D::connect(settings).await?;
        Ok(Steps { settings, driver, observer: None, prepared: HashMap::new() })
    }

    /// A step without cases.
    pub async fn step(&mut self, step: &Value) -> Result<(), Failure> {
        match script::text(step, "do")? {
            "execute" => self.execute(step).await,
            "prepare" => self.prepare(step).await,
            "run" => self.run(step).await,
            "batch" => self.batch(step).await,
            "fill" => self.fill(step).await,
            "keys" => self.keys(step).await,
            "page" => self.page(step).await,
            "nodes" => self.nodes(),
            "keyspace" => self.keyspace(step),
            "table" => self.table(step),
            "event" => self.event(step).await,
            "tokens" => self.tokens(step).await,
            "routed" => self.routed(step).await,
            other => Err(Failure::Other(anyhow!("`{other}` is not known"))),
        }
    }

    /// One case of a step that has some.
    pub async fn case(&mut self, step: &Value, number: usize, case: &Value) -> Result<(), Failure> {
        match script::text(step, "do")? {
            "type" => self.type_case(step, number, case).await,
            "large" => self.large_case(step, number, case).await,
            other => Err(Failure::Other(anyhow!("`{other}` with cases is not known"))),
        }
    }

    /// What the server is expected to refuse.
    pub async fn try_refused(&mut self, step: &Value) -> Result<(), Failure> {
        if script::text(step, "do")? == "type" { self.create(step).await } else { self.step(step).await }
    }

    /// The table that a step needs.
    pub async fn create(&self, step: &Value) -> Result<(), Failure> {
        self.simple(script::text(step, "create")?).await.map(drop)
    }

    async fn simple(&self, cql: &str) -> Result<Answer<D::Read>, Failure> {
        self.driver.run(Statement::Simple(cql), None).await
    }

    async fn with(&self, prepared: &D::Prepared, values: Vec<D::Bound>) -> Result<Answer<D::Read>, Failure> {
        self.driver.run(Statement::Prepared(prepared, values), None).await
    }

    /// A statement prepared under its own text, once.
    async fn prepared(&mut self, cql: &str) -> Result<D::Prepared, Failure> {
        if let Some(prepared) = self.prepared.get(cql) {
            return Ok(prepared.clone());
        }
        let prepared = self.driver.prepare(cql).await?;
        self.prepared.insert(cql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    async fn execute(&self, step: &Value) -> Result<(), Failure> {
        let statement = Statement::Simple(script::text(step, "cql")?);
        let answer = self.driver.run(statement, step["consistency"].as_str()).await;
        self.check(step, answer)
    }

    async fn prepare(&mut self, step: &Value) -> Result<(), Failure> {
        let prepared = self.driver.prepare(script::text(step, "cql")?).await;
        if let Some(prepared) = checks::wanted_error(step, prepared)? {
            self.prepared.insert(script::text(step, "name")?.to_owned(), prepared);
        }
        Ok(())
    }

    async fn run(&self, step: &Value) -> Result<(), Failure> {
        let prepared = self.prepared.get(script::text(step, "name")?).context("it was not prepared")?;
        let answer = self.with(prepared, bind::<D>(script::array(step, "bind")?)?).await;
        self.check(step, answer)
    }

    async fn batch(&mut self, step: &Value) -> Result<(), Failure> {
        let mut prepared = Vec::new();
        for statement in script::array(step, "statements")? {
            let cql = script::text(statement, "cql")?;
            let bound = match statement["bind"].as_array() {
                Some(values) => Some((self.prepared(cql).await?, bind::<D>(values)?)),
                None => None,
            };
            prepared.push((cql, bound));
        }
        let statements = prepared.iter().map(|(cql, bound)| match bound {
            Some((prepared, values)) => Statement::Prepared(prepared, values.clone()),
            None => Statement::Simple(cql),
        });
        let timestamp_us = step["timestamp"].as_str().map(str::parse).transpose().context("timestamp")?;
        let is_logged = script::text(step, "kind")? == "logged";
        self.driver.batch(is_logged, timestamp_us, statements.collect()).await
    }

    async fn fill(&mut self, step: &Value) -> Result<(), Failure> {
        let insert = self.prepared(script::text(step, "cql")?).await?;
        let (int, text) = (Kind::Native("int".into()), Kind::Native("text".into()));
        let rows = paging::filled(step)?.into_iter().map(|row| {
            let [p, c, v] = row.map(Value::String);
            Ok(vec![D::bound(&int, &p)?, D::bound(&int, &c)?, D::bound(&text, &v)?])
        });
        self.driver.run_all(&insert, rows.collect::<Result<_>>()?).await
    }

    async fn routed(&mut self, step: &Value) -> Result<(), Failure> {
        let kinds = kinds(script::array(step, "types")?)?;
        let prepared = self.driver.prepare(script::text(step, "cql")?).await?;
        for values in script::array(step, "bind")? {
            let values = row::<D>(&kinds, values)?;
            self.with(&prepared, values).await?;
        }
        Ok(())
    }
}

/// Types by their names.
fn kinds(names: &[Value]) -> Result<Vec<Kind>> {
    names.iter().map(|name| Kind::parse(crate::form::text(name)?)).collect()
}

/// The values of `[[type, value], ...]`.
fn bind<D: Driver>(pairs: &[Value]) -> Result<Vec<D::Bound>> {
    let bound = |entry: &Value| {
        let (kind, form) = crate::form::pair(entry)?;
        D::bound(&Kind::parse(crate::form::text(kind)?)?, form)
    };
    pairs.iter().map(bound).collect()
}

/// The values of a row whose types are known.
fn row<D: Driver>(kinds: &[Kind], forms: &Value) -> Result<Vec<D::Bound>> {
    let forms = crate::form::elements(forms)?;
    anyhow::ensure!(forms.len() == kinds.len(), "{} values for {} types", forms.len(), kinds.len());
    kinds.iter().zip(forms).map(|(kind, form)| D::bound(kind, form)).collect()
}
