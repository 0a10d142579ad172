//! How to connect and how to ask.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use starling_ring::ConsistencyLevel;

/// The port that CQL clients use.
pub const DEFAULT_PORT: u16 = 9042;

/// A host to begin with: an address or a name, with or without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactPoint(pub(crate) String);

impl From<&str> for ContactPoint {
    fn from(text: &str) -> Self {
        ContactPoint(text.to_owned())
    }
}

impl From<String> for ContactPoint {
    fn from(text: String) -> Self {
        ContactPoint(text)
    }
}

impl From<&String> for ContactPoint {
    fn from(text: &String) -> Self {
        ContactPoint(text.clone())
    }
}

impl From<IpAddr> for ContactPoint {
    fn from(address: IpAddr) -> Self {
        ContactPoint(address.to_string())
    }
}

impl From<SocketAddr> for ContactPoint {
    fn from(address: SocketAddr) -> Self {
        ContactPoint(address.to_string())
    }
}

/// How a session connects.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The port of contact points that name none.
    pub port: u16,
    /// The keyspace that unqualified names are looked for in.
    pub keyspace: Option<String>,
    /// Hosts of this datacentre are asked first. None: that of the host which was reached first.
    pub local_datacenter: Option<String>,
    /// How long connecting to one host and opening the protocol may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Requests in flight per connection, at most 32768; more of them wait. Each costs about 100 bytes.
    pub max_in_flight: usize,
    /// What `QueryOptions` leave open.
    pub defaults: QueryOptions,
}

impl Default for SessionOptions {
    fn default() -> Self {
        SessionOptions {
            port: DEFAULT_PORT,
            keyspace: None,
            local_datacenter: None,
            connect_timeout_ms: 5_000,
            max_in_flight: 2_048,
            defaults: QueryOptions::default(),
        }
    }
}

/// How one request is made. What is left open is taken from the session's defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryOptions {
    /// Consistency level; LOCAL_QUORUM if the session's defaults leave it open too.
    pub consistency: Option<ConsistencyLevel>,
    /// Level of the condition of a conditional write.
    pub serial_consistency: Option<ConsistencyLevel>,
    /// Rows per page; 5000 if the session's defaults leave it open too.
    pub page_size: Option<u32>,
    /// Where an earlier page ended.
    pub paging_state: Option<Bytes>,
    /// Timestamp of the write in microseconds since 1970; None: the server's.
    pub timestamp_us: Option<i64>,
    /// Whether the request may be sent twice. Reads always may; a write is sent again after its connection broke only
    /// if this says so.
    pub idempotent: Option<bool>,
    /// How long the request may take, in milliseconds; 12000 if the session's defaults leave it open too.
    pub timeout_ms: Option<u64>,
}

impl QueryOptions {
    /// With this consistency level.
    #[must_use]
    pub fn consistency(mut self, level: ConsistencyLevel) -> Self {
        self.consistency = Some(level);
        self
    }

    /// With this many rows per page.
    #[must_use]
    pub fn page_size(mut self, rows: u32) -> Self {
        self.page_size = Some(rows);
        self
    }

    /// From where an earlier page ended.
    #[must_use]
    pub fn paging_state(mut self, state: Bytes) -> Self {
        self.paging_state = Some(state);
        self
    }

    /// With this timestamp, in microseconds since 1970.
    #[must_use]
    pub fn timestamp_us(mut self, timestamp_us: i64) -> Self {
        self.timestamp_us = Some(timestamp_us);
        self
    }

    /// The request may be sent twice.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = Some(true);
        self
    }

    /// With this much time, in milliseconds.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u64) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// These options, completed by the session's defaults.
    pub(crate) fn or(&self, defaults: &QueryOptions) -> Settings {
        Settings {
            consistency: self.consistency.or(defaults.consistency).unwrap_or(ConsistencyLevel::LocalQuorum),
            serial_consistency: self.serial_consistency.or(defaults.serial_consistency),
            page_size: self.page_size.or(defaults.page_size).unwrap_or(5_000),
            paging_state: self.paging_state.clone(),
            timestamp_us: self.timestamp_us.or(defaults.timestamp_us),
            idempotent: self.idempotent.or(defaults.idempotent).unwrap_or(false),
            timeout_ms: self.timeout_ms.or(defaults.timeout_ms).unwrap_or(12_000),
        }
    }
}

/// Options with nothing left open.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub consistency: ConsistencyLevel,
    pub serial_consistency: Option<ConsistencyLevel>,
    pub page_size: u32,
    pub paging_state: Option<Bytes>,
    pub timestamp_us: Option<i64>,
    pub idempotent: bool,
    pub timeout_ms: u64,
}
