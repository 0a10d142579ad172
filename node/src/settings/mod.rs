//! Settings: cassandra.yaml's names in an optional file, environment variables over it, flags over both.

mod listing;
mod units;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

pub use units::{Duration, Size, UnitError};

/// Prefix of environment variables that stand over the file.
const ENVIRONMENT_PREFIX: &str = "STARLING_";
/// Variables with the prefix that are not settings of a node.
const ENVIRONMENT_OTHER: [&str; 2] = ["STARLING_DEV_CA", "STARLING_LOG"];

/// Shorter names of settings (those of cassandra-rackdc.properties).
const ALIASES: [(&str, &str); 1] = [("dc", "datacenter")];

/// When a write counts as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommitlogSync {
    /// The log is synced before the acknowledgement; writes in flight share a sync.
    Batch,
    /// Acknowledged at once, synced every `commitlog_sync_period`: a power cut may lose that much.
    Periodic,
}

/// Certificates between nodes; without them a development authority is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerEncryptionOptions {
    /// This node's certificate chain, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub private_key: Option<PathBuf>,
    /// The authority that nodes trust, PEM.
    pub authority: Option<PathBuf>,
}

/// TLS for clients. Without it connections are plain.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientEncryptionOptions {
    /// Clients connect with TLS (1.2 or 1.3).
    pub enabled: bool,
    /// On the same port clients may also connect without it.
    pub optional: bool,
    /// This node's certificate chain, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub private_key: Option<PathBuf>,
    /// The authority of clients' certificates, PEM.
    pub authority: Option<PathBuf>,
    /// Clients need a certificate of that authority.
    pub require_client_auth: bool,
}

/// Settings of a node. Every field is a key of the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Nodes with another name are refused.
    pub cluster_name: String,
    /// Tokens of this node: 16 balances well to 100 nodes; more makes joins and scans dearer. 1 to 256.
    pub num_tokens: u16,
    /// Addresses asked at start; the first seed founds the cluster. Empty: this node alone.
    pub seeds: Vec<IpAddr>,
    /// Address of a dead member whose place and tokens this new node takes. Only at its first start, and only while the
    /// cluster has no tables.
    pub replace_address: Option<IpAddr>,
    /// Address for other nodes.
    pub listen_address: IpAddr,
    /// UDP port between nodes.
    pub storage_port: u16,
    /// Address for clients. Other than loopback needs `allow_remote_clients`, as long as there is no authentication.
    pub rpc_address: IpAddr,
    /// TCP port for CQL clients.
    pub native_transport_port: u16,
    /// A port of its own for TLS (9142 by convention), so that `native_transport_port` stays plain; by default TLS is on
    /// `native_transport_port`. Only with `client_encryption_options`.
    pub native_transport_port_ssl: Option<u16>,
    /// Largest body of a client's frame; larger ones are refused. 1MiB to 256MiB, and below 5/24 of
    /// `native_transport_max_request_data_in_flight`.
    pub native_transport_max_frame_size: Size,
    /// Memory for what clients send and have not read, all connections together: 3/8 for frames that have come in part, 5/16
    /// for requests under way, 5/16 for unread answers. More takes larger bursts. 16MiB to 64GiB.
    pub native_transport_max_request_data_in_flight: Size,
    /// Clients' connections at a time; one more is closed at once. Each takes a file descriptor and some KB. 1 to
    /// 1000000.
    pub native_transport_max_concurrent_connections: u32,
    /// TLS for clients.
    pub client_encryption_options: ClientEncryptionOptions,
    /// Port of the admin HTTP side, on `admin_address`.
    pub admin_port: u16,
    /// Address of the admin HTTP side; by default the same as `rpc_address` where that is loopback, else 127.0.0.1.
    pub admin_address: Option<IpAddr>,
    /// Listen for clients beyond loopback although nobody has to log in.
    pub allow_remote_clients: bool,
    /// Datacentre of this node.
    pub datacenter: String,
    /// Rack of this node.
    pub rack: String,
    /// Where data is kept: one folder (RocksDB spreads nothing over several).
    pub data_file_directories: Vec<PathBuf>,
    /// When a write counts as durable.
    pub commitlog_sync: CommitlogSync,
    /// Between two syncs in periodic mode; what a power cut may lose. 1ms to 60s.
    pub commitlog_sync_period: Duration,
    /// How long a coordinator waits for a read. 10ms to 10m.
    pub read_request_timeout: Duration,
    /// The same for a scan over many partitions.
    pub range_request_timeout: Duration,
    /// The same for a write.
    pub write_request_timeout: Duration,
    /// Suspicion (phi) from which a silent node counts as dead; lower is quicker and errs more often. 5 to 16.
    pub phi_convict_threshold: f64,
    /// How far the nodes' clocks may differ. A node whose clock is further off coordinates nothing until it is right again;
    /// and no node lets another draw its hybrid clock further than this past its own clock. 100ms to 1h.
    pub max_clock_skew: Duration,
    /// Certificates between nodes.
    pub server_encryption_options: ServerEncryptionOptions,
    /// Threads that commit writes, each with a log sync of its own to wait for. 1 to 64.
    pub committers: u16,
    /// Between two purges of deletions older than `gc_grace_seconds`. Shorter frees the disk sooner and reads
    /// more. 10s to 30d.
    pub purge_interval: Duration,
    /// What prepared statements may take in memory; beyond it those that are not used go, and clients prepare them
    /// again. 1MiB to 1GiB.
    pub prepared_statements_cache_size: Size,
    /// Largest write to one partition. 1KiB to 32MiB.
    pub max_mutation_size: Size,
    /// Batches over several partitions that are larger than this are warned of.
    pub batch_size_warn_threshold: Size,
    /// Batches over several partitions that are larger than this are refused: the coordinator holds all of one at once.
    /// 1KiB to 32MiB.
    pub batch_size_fail_threshold: Size,
    /// Unlogged batches over more partitions than this are warned of.
    pub unlogged_batch_across_partitions_warn_threshold: u32,
    /// Memory for blocks of data read from disk.
    pub block_cache_size: Size,
    /// Memory for writes not yet flushed, all tables together.
    pub memtable_size: Size,
    /// With less space on the disk of the data clients' writes are refused, and reads go on. What is kept free is for
    /// flushes, compactions and the log of the cluster. 0B refuses none before the disk is full.
    pub min_free_space_per_drive: Size,
}

impl Default for Settings {
    fn default() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Settings {
            cluster_name: "Starling".into(),
            num_tokens: 16,
            seeds: Vec::new(),
            replace_address: None,
            listen_address: loopback,
            storage_port: 7000,
            rpc_address: loopback,
            native_transport_port: 9042,
            native_transport_port_ssl: None,
            native_transport_max_frame_size: Size { bytes: 16 << 20 },
            native_transport_max_request_data_in_flight: Size { bytes: 80 << 20 },
            native_transport_max_concurrent_connections: 16_384,
            client_encryption_options: ClientEncryptionOptions::default(),
            admin_port: 9180,
            admin_address: None,
            allow_remote_clients: false,
            datacenter: "datacenter1".into(),
            rack: "rack1".into(),
            data_file_directories: vec![PathBuf::from("data")],
            commitlog_sync: CommitlogSync::Batch,
            commitlog_sync_period: Duration { ms: 1_000 },
            read_request_timeout: Duration { ms: 5_000 },
            range_request_timeout: Duration { ms: 10_000 },
            write_request_timeout: Duration { ms: 2_000 },
            phi_convict_threshold: 8.0,
            max_clock_skew: Duration { ms: 2_000 },
            server_encryption_options: ServerEncryptionOptions::default(),
            committers: 1,
            purge_interval: Duration { ms: 3_600_000 },
            prepared_statements_cache_size: Size { bytes: 16 << 20 },
            max_mutation_size: Size { bytes: 16 << 20 },
            batch_size_warn_threshold: Size { bytes: 64 << 10 },
            batch_size_fail_threshold: Size { bytes: 1 << 20 },
            unlogged_batch_across_partitions_warn_threshold: 10,
            block_cache_size: Size { bytes: 256 << 20 },
            memtable_size: Size { bytes: 128 << 20 },
            min_free_space_per_drive: Size { bytes: 64 << 20 },
        }
    }
}

impl Settings {
    /// From a file (if one is named) and the environment.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("settings file {}", path.display()))?,
            None => String::new(),
        };
        let environment = std::env::vars()
            .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX) && !ENVIRONMENT_OTHER.contains(&name.as_str()));
        let name = file.map_or_else(String::new, |f| f.display().to_string());
        Self::from_parts(&text, environment).with_context(|| format!("settings {name}"))
    }

    /// From the text of a file and environment variables. One YAML mapping is made of both, so that one set of
    /// rules checks them; a variable's value is read as YAML too.
    pub fn from_parts(text: &str, environment: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut values: serde_json::Map<String, serde_json::Value> = if text.trim().is_empty() {
            serde_json::Map::new()
        } else {
            serde_saphyr::from_str::<Option<_>>(text)?.unwrap_or_default()
        };
        for (short, key) in ALIASES {
            if let Some(value) = values.remove(short)
                && values.insert(key.into(), value).is_some()
            {
                bail!("{short} and {key} are the same setting: give one of them");
            }
        }
        for (name, value) in environment {
            let key = name[ENVIRONMENT_PREFIX.len()..].to_lowercase();
            let key = ALIASES.iter().find(|(short, _)| *short == key).map_or(key, |(_, long)| (*long).to_string());
            let parsed = match key.as_str() {
                "seeds" | "data_file_directories" if !value.trim_start().starts_with('[') => {
                    value.split(',').map(|s| serde_json::Value::from(s.trim())).collect()
                }
                "cluster_name" | "datacenter" | "rack" => serde_json::Value::from(value),
                _ => serde_saphyr::from_str(&value).with_context(|| format!("environment variable {name}"))?,
            };
            values.insert(key, parsed);
        }
        let settings: Settings = serde_json::from_value(serde_json::Value::Object(values.clone()))
            .map_err(|error| culprit(values).unwrap_or_else(|| error.into()))?;
        settings.validate()?;
        Ok(settings)
    }

    /// Checks bounds, after flags have been applied too.
    pub fn validate(&self) -> Result<()> {
        let within = |name: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                bail!("{name} is {value}: it must be from {least} to {most}")
            }
        };
        within("num_tokens", self.num_tokens.into(), 1, 256)?;
        within("committers", self.committers.into(), 1, 64)?;
        within("commitlog_sync_period (ms)", self.commitlog_sync_period.ms, 1, 60_000)?;
        within("read_request_timeout (ms)", self.read_request_timeout.ms, 10, 600_000)?;
        within("range_request_timeout (ms)", self.range_request_timeout.ms, 10, 600_000)?;
        within("write_request_timeout (ms)", self.write_request_timeout.ms, 10, 600_000)?;
        within("max_clock_skew (ms)", self.max_clock_skew.ms, 100, 3_600_000)?;
        within("purge_interval (ms)", self.purge_interval.ms, 10_000, 30 * 86_400_000)?;
        // A message between nodes has room for them.
        within("prepared_statements_cache_size (bytes)", self.prepared_statements_cache_size.bytes, 1 << 20, 1 << 30)?;
        within("max_mutation_size (bytes)", self.max_mutation_size.bytes, 1 << 10, 32 << 20)?;
        within("batch_size_fail_threshold (bytes)", self.batch_size_fail_threshold.bytes, 1 << 10, 32 << 20)?;
        within("block_cache_size (bytes)", self.block_cache_size.bytes, 1 << 20, 1 << 40)?;
        let (frame, clients) =
            (self.native_transport_max_frame_size.bytes, self.native_transport_max_request_data_in_flight.bytes);
        within("native_transport_max_request_data_in_flight (bytes)", clients, 16 << 20, 64 << 30)?;
        // A frame on its way has memory set aside: header and segments besides the body.
        let most = (256 << 20).min(clients / 24 * 5 - (256 << 10));
        within("native_transport_max_frame_size (bytes)", frame, 1 << 20, most)?;
        let connections = self.native_transport_max_concurrent_connections.into();
        within("native_transport_max_concurrent_connections", connections, 1, 1_000_000)?;
        if self.native_transport_port_ssl == Some(self.native_transport_port) {
            bail!("native_transport_port_ssl must differ from native_transport_port");
        }
        within("memtable_size (bytes)", self.memtable_size.bytes, 1 << 20, 1 << 40)?;
        if !(5.0..=16.0).contains(&self.phi_convict_threshold) {
            bail!("phi_convict_threshold is {}: it must be from 5 to 16", self.phi_convict_threshold);
        }
        if self.cluster_name.is_empty() || self.cluster_name.len() > 256 {
            bail!("cluster_name must have 1 to 256 bytes");
        }
        if !self.rpc_address.is_loopback() && !self.allow_remote_clients {
            bail!(
                "rpc_address {} is not loopback, and nobody has to log in yet: \
                 set allow_remote_clients: true to open it all the same",
                self.rpc_address
            );
        }
        if self.data_file_directories.len() != 1 {
            bail!("data_file_directories must name exactly one folder");
        }
        if self.listen_address.is_unspecified() {
            bail!("listen_address must be one address that other nodes can reach, not {}", self.listen_address);
        }
        Ok(())
    }

    /// The folder of this node's data.
    pub fn data_dir(&self) -> &Path {
        self.data_file_directories.first().map_or(Path::new("data"), PathBuf::as_path)
    }

    /// Address of the admin side.
    pub fn admin_address(&self) -> IpAddr {
        let fallback = if self.rpc_address.is_loopback() { self.rpc_address } else { Ipv4Addr::LOCALHOST.into() };
        self.admin_address.unwrap_or(fallback)
    }
}

/// Which setting cannot be read: an error of the whole names none where a value has the wrong type.
fn culprit(values: serde_json::Map<String, serde_json::Value>) -> Option<anyhow::Error> {
    values.into_iter().find_map(|(key, value)| {
        let alone = serde_json::Map::from_iter([(key.clone(), value)]);
        let error = serde_json::from_value::<Settings>(serde_json::Value::Object(alone)).err()?;
        Some(anyhow::Error::new(error).context(key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn file_then_environment() {
        let text = "cluster_name: prod\nread_request_timeout: 7s\nseeds: [127.0.0.2]\n";
        let env = [("STARLING_CLUSTER_NAME", "test"), ("STARLING_SEEDS", "127.0.0.3, 127.0.0.4")];
        let settings = Settings::from_parts(text, environment(&env)).unwrap();
        assert_eq!(settings.cluster_name, "test");
        assert_eq!(settings.read_request_timeout.ms, 7_000);
        assert_eq!(settings.seeds.len(), 2);
        assert_eq!(settings.commitlog_sync, CommitlogSync::Batch);
    }

    #[test]
    fn nothing_given_is_the_default() {
        assert_eq!(Settings::from_parts("", environment(&[])).unwrap(), Settings::default());
        assert_eq!(Settings::from_parts("# only a comment\n", environment(&[])).unwrap(), Settings::default());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, named) in [
            ("clustr_name: x", "clustr_name"),
            ("num_tokens: 0", "num_tokens"),
            ("num_tokens: many", "num_tokens"),
            ("read_request_timeout: 5", "unit"),
            ("commitlog_sync: never", "never"),
            ("rpc_address: 10.1.1.1", "allow_remote_clients"),
        ] {
            let error = format!("{:#}", Settings::from_parts(text, environment(&[])).unwrap_err());
            assert!(error.contains(named), "{text}: {error}");
        }
        assert!(Settings::from_parts("", environment(&[("STARLING_NUM_TOKEN", "3")])).is_err());
    }
}
