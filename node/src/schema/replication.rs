//! The `replication` option of keyspaces.

use std::collections::BTreeMap;

use starling_cql_lite::protocol::error::CqlError;
use starling_ring::placement::ReplicationStrategy;

use super::error::config;

const PACKAGE: &str = "org.apache.cassandra.locator.";
const REPLICATION_FACTOR: &str = "replication_factor";
/// More replicas than any cluster has nodes.
const MAX_REPLICATION_FACTOR: u32 = 10_000;

/// The replication of `keyspace` as the map `options` asks for it. `datacenters` says how many nodes each
/// known datacentre has; `previous` is what an ALTER replaces. Warnings go to `warnings`.
///
/// # Errors
/// Config, worded as Cassandra does.
pub fn parse_replication(
    keyspace: &str,
    options: &BTreeMap<String, String>,
    previous: Option<&ReplicationStrategy>,
    datacenters: &BTreeMap<String, usize>,
    warnings: &mut Vec<String>,
) -> Result<ReplicationStrategy, CqlError> {
    let class = options.get("class").ok_or_else(|| config("Missing replication strategy class"))?;
    match class.strip_prefix(PACKAGE).unwrap_or(class) {
        "SimpleStrategy" => simple(keyspace, options, previous, datacenters, warnings),
        "NetworkTopologyStrategy" => network_topology(keyspace, options, previous, datacenters, warnings),
        "LocalStrategy" => {
            Err(config("Unable to use given strategy class: LocalStrategy is reserved for internal use."))
        }
        _ => {
            let full = if class.contains('.') { class.clone() } else { format!("{PACKAGE}{class}") };
            Err(config(format!("Unable to find replication strategy class '{full}'")))
        }
    }
}

fn simple(
    keyspace: &str,
    options: &BTreeMap<String, String>,
    previous: Option<&ReplicationStrategy>,
    datacenters: &BTreeMap<String, usize>,
    warnings: &mut Vec<String>,
) -> Result<ReplicationStrategy, CqlError> {
    for name in options.keys() {
        if name != "class" && name != REPLICATION_FACTOR {
            return Err(unrecognized(name, "SimpleStrategy", keyspace));
        }
    }
    let replication_factor = match (options.get(REPLICATION_FACTOR), previous) {
        (Some(text), _) => parse_factor(text)?,
        (None, Some(ReplicationStrategy::Simple { replication_factor })) => *replication_factor,
        (None, _) => {
            return Err(config("SimpleStrategy requires a replication_factor strategy option."));
        }
    };
    let nodes: usize = datacenters.values().sum();
    if nodes != 0 && replication_factor as usize > nodes {
        warnings.push(format!(
            "Your replication factor {replication_factor} for keyspace {keyspace} is higher than the number of nodes {nodes}"
        ));
    }
    Ok(ReplicationStrategy::Simple { replication_factor })
}

fn network_topology(
    keyspace: &str,
    options: &BTreeMap<String, String>,
    previous: Option<&ReplicationStrategy>,
    datacenters: &BTreeMap<String, usize>,
    warnings: &mut Vec<String>,
) -> Result<ReplicationStrategy, CqlError> {
    let mut factors = BTreeMap::new();
    for (name, text) in options {
        if name == "class" || name == REPLICATION_FACTOR {
            continue;
        }
        if !datacenters.contains_key(name) {
            return Err(unrecognized(name, "NetworkTopologyStrategy", keyspace));
        }
        factors.insert(name.clone(), parse_factor(text)?);
    }
    if let Some(text) = options.get(REPLICATION_FACTOR) {
        let default = parse_factor(text)?;
        // What an ALTER does not name keeps its factor: lowering it by accident would lose replicas.
        if let Some(ReplicationStrategy::NetworkTopology { datacenters: before }) = previous {
            for (name, factor) in before.iter().filter(|(name, _)| datacenters.contains_key(*name)) {
                factors.entry(name.clone()).or_insert(*factor);
            }
        }
        for name in datacenters.keys() {
            factors.entry(name.clone()).or_insert(default);
        }
    }
    // An explicit 0 leaves a datacentre out.
    factors.retain(|_, factor| *factor > 0);
    if factors.is_empty() {
        return Err(config("Configuration for at least one datacenter must be present"));
    }
    for (name, factor) in &factors {
        let nodes = datacenters.get(name).copied().unwrap_or(0);
        if *factor as usize > nodes {
            warnings.push(format!(
                "Your replication factor {factor} for keyspace {keyspace} is higher than the number of nodes {nodes} for datacenter {name}"
            ));
        }
    }
    Ok(ReplicationStrategy::NetworkTopology { datacenters: factors })
}

fn unrecognized(option: &str, strategy: &str, keyspace: &str) -> CqlError {
    config(format!("Unrecognized strategy option {{{option}}} passed to {strategy} for keyspace {keyspace}"))
}

fn parse_factor(text: &str) -> Result<u32, CqlError> {
    if text.contains('/') {
        return Err(config("Transient replication is not supported yet"));
    }
    let factor: i64 =
        text.trim().parse().map_err(|_| config(format!("Replication factor must be numeric; found {text}")))?;
    u32::try_from(factor).ok().filter(|factor| *factor <= MAX_REPLICATION_FACTOR).ok_or_else(|| match factor {
        ..0 => config(format!("Replication factor must be non-negative, found {factor}")),
        _ => config(format!("Replication factor must be at most {MAX_REPLICATION_FACTOR}, found {factor}")),
    })
}
