//! What the driver's metadata show.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Steps, need};
use crate::driver::{Driver, Failure, Seen, TableSeen};
use crate::form;
use crate::script;

/// How long the second client may take to hear of a change: a guard, not a measure.
const HANG_GUARD: Duration = Duration::from_secs(60);

fn texts(values: &[Value]) -> Result<Vec<String>> {
    values.iter().map(|value| form::text(value).map(str::to_owned)).collect()
}

impl<D: Driver> Steps<'_, D> {
    pub(super) fn nodes(&self) -> Result<(), Failure> {
        let nodes = self.driver.nodes();
        let wanted = self.settings.contact_points.iter().map(|address| address.parse::<IpAddr>());
        let wanted = wanted.collect::<Result<BTreeSet<IpAddr>, _>>().context("TEST_CONTACT_POINTS")?;
        let seen: BTreeSet<IpAddr> = nodes.iter().map(|node| node.address).collect();
        need(seen == wanted && nodes.len() == wanted.len(), || format!("nodes {seen:?}"))?;
        let is_complete = nodes.iter().all(|node| node.is_up && node.has_datacenter);
        need(is_complete, || "a node is down or has no data centre".into())
    }

    pub(super) fn keyspace(&self, step: &Value) -> Result<(), Failure> {
        let (class, factor) =
            self.driver.replication(script::text(step, "keyspace")?).context("the keyspace is not there")?;
        need(class == script::text(step, "replication_class")?, || format!("class {class}"))?;
        need(factor == script::text(step, "replication_factor")?, || format!("replication factor {factor}"))
    }

    pub(super) fn table(&self, step: &Value) -> Result<(), Failure> {
        let seen = self.driver.table(script::text(step, "keyspace")?, script::text(step, "table")?)?;
        let clustering = script::array(step, "clustering_key")?.iter().map(|column| column[0].clone());
        let columns = step["columns"].as_object().context("the step has no columns")?.iter();
        let columns = columns.map(|(name, kind)| Ok((name.clone(), form::text(kind)?.to_owned())));
        let mut wanted = TableSeen {
            partition_key: texts(script::array(step, "partition_key")?)?,
            clustering_key: texts(&clustering.collect::<Vec<Value>>())?,
            static_columns: texts(script::array(step, "static")?)?,
            columns: columns.collect::<Result<_>>()?,
        };
        wanted.columns.sort();
        need(seen == wanted, || format!("{seen:?} instead of {wanted:?}"))
    }

    pub(super) async fn event(&mut self, step: &Value) -> Result<(), Failure> {
        if self.observer.is_none() {
            self.observer = Some(D::connect(self.settings).await?);
        }
        self.simple(script::text(step, "cql")?).await?;
        let what = Seen {
            keyspace: script::text(step, "keyspace")?,
            table: step["table"].as_str(),
            column: step["column"].as_str(),
        };
        let is_wanted = step["present"].as_bool().context("the step has no `present`")?;
        let observer = self.observer.as_ref().context("no second client")?;
        let started = Instant::now();
        while observer.has_seen(&what) != is_wanted {
            need(started.elapsed() < HANG_GUARD, || "the other client has not heard of it".into())?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
