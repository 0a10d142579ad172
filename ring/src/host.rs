//! Members of the cluster: identity, place and tokens.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Token;

/// A node's identity: a UUID on its disk, never its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostId(pub Uuid);

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
