//! The script, and what the environment says about carrying it out.

use std::env;

use anyhow::{Context, Result};
use serde_json::Value;

/// What the environment says.
pub struct Settings {
    /// Addresses of all nodes; only the first is told to the driver.
    pub contact_points: Vec<String>,
    /// The script.
    pub script: Value,
    /// Which client this is.
    pub client: String,
    /// 4 or 5.
    pub version: u8,
    /// `none`, `lz4` or `snappy`.
    pub compression: String,
    /// Only steps whose id begins so.
    pub only: String,
}

impl Settings {
    /// Reads the environment and the script.
    pub fn from_environment() -> Result<Settings> {
        let get = |name: &str| env::var(name).with_context(|| format!("{name} is not set"));
        let text = std::fs::read_to_string(get("TEST_SCRIPT")?)?;
        let text = text.replace("${keyspace}", &get("TEST_KEYSPACE")?);
        Ok(Settings {
            contact_points: get("TEST_CONTACT_POINTS")?.split(',').map(str::to_owned).collect(),
            script: serde_json::from_str(&text)?,
            client: get("TEST_CLIENT")?,
            version: get("TEST_PROTOCOL_VERSION")?.parse()?,
            compression: env::var("TEST_COMPRESSION").unwrap_or_else(|_| "none".into()),
            only: env::var("TEST_ONLY").unwrap_or_default(),
        })
    }

    /// Whether the step, or one that it belongs to, is listed in a table of the script.
    pub fn is_listed(&self, table: &Value, id: &str) -> bool {
        let belongs =
            |name: &String| id.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        table.as_object().is_some_and(|table| table.keys().any(belongs))
    }

    /// The steps to carry out.
    pub fn steps(&self) -> Result<Vec<&Value>> {
        let steps = self.script["steps"].as_array().context("the script has no steps")?;
        Ok(steps.iter().filter(|step| step["id"].as_str().is_some_and(|id| id.starts_with(&self.only))).collect())
    }
}

/// A text of a step.
pub fn text<'a>(step: &'a Value, name: &str) -> Result<&'a str> {
    step[name].as_str().with_context(|| format!("the step has no `{name}`"))
}

/// A number of a step.
pub fn number<T: TryFrom<u64>>(step: &Value, name: &str) -> Result<T> {
    let number = step[name].as_u64().and_then(|number| T::try_from(number).ok());
    number.with_context(|| format!("the step has no number `{name}`"))
}

/// An array of a step.
pub fn array<'a>(step: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    step[name].as_array().with_context(|| format!("the step has no array `{name}`"))
}
