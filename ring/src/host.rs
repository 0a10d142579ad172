//! Members of the cluster: identity, place and tokens.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Token;

/// A node's identity: a UUID on its disk, never its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostId(pub Uuid);

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for HostId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<HostId, uuid::Error> {
        Uuid::parse_str(text).map(HostId)
    }
}

impl From<Uuid> for HostId {
    fn from(uuid: Uuid) -> HostId {
        HostId(uuid)
    }
}

/// A member as cluster metadata records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Identity.
    pub host_id: HostId,
    /// Address of the QUIC endpoint between nodes.
    pub listen_address: IpAddr,
    /// UDP port between nodes (7000).
    pub storage_port: u16,
    /// Address that CQL clients use.
    pub rpc_address: IpAddr,
    /// TCP port for CQL clients (9042).
    pub native_transport_port: u16,
    /// Datacentre.
    pub datacenter: String,
    /// Rack.
    pub rack: String,
    /// Tokens owned, ascending.
    pub tokens: Vec<Token>,
}

impl Member {
    /// A member at this address, with the usual ports, in `datacenter1` and `rack1`, without tokens.
    pub fn at(host_id: HostId, listen_address: IpAddr) -> Self {
        Member {
            host_id,
            listen_address,
            storage_port: 7000,
            rpc_address: listen_address,
            native_transport_port: 9042,
            datacenter: "datacenter1".into(),
            rack: "rack1".into(),
            tokens: Vec::new(),
        }
    }
}
