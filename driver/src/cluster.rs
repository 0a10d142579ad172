//! What the driver knows of the cluster: members, and which of them hold a partition.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use starling_ring::{Member, Placement, ReplicationStrategy, Token, Topology, TopologyError};

/// An immutable picture of the cluster, as its system tables gave it.
#[derive(Clone, Debug, Default)]
pub struct ClusterMap {
    name: String,
    topology: Topology,
    placements: BTreeMap<String, Placement>,
}

impl ClusterMap {
    /// Works out who holds what.
    pub(crate) fn new(
        name: String,
        members: Vec<Member>,
        keyspaces: BTreeMap<String, ReplicationStrategy>,
    ) -> Result<ClusterMap, TopologyError> {
        let topology = Topology::new(0, members)?;
        let placements = keyspaces
            .into_iter()
            .map(|(keyspace, strategy)| (keyspace, Placement::new(&topology, &strategy)))
            .collect();
        Ok(ClusterMap { name, topology, placements })
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All members, by host id.
    pub fn members(&self) -> &[Member] {
        self.topology.members()
    }

    /// The members that hold a token in a keyspace, the primary one first, as indices into [`ClusterMap::members`];
    /// empty for a keyspace that is not known or not replicated.
    pub fn replicas(&self, keyspace: &str, token: Token) -> &[u16] {
        self.placements.get(keyspace).map_or(&[], |placement| placement.replicas(token))
    }
}

/// Where a member's clients connect.
pub(crate) fn client_address(member: &Member) -> SocketAddr {
    SocketAddr::new(member.rpc_address, member.native_transport_port)
}

/// The strategy that a row of `system_schema.keyspaces` names; None for one that this driver does not know.
pub(crate) fn strategy(replication: &BTreeMap<String, String>) -> Option<ReplicationStrategy> {
    let class = replication.get("class")?;
    match class.rsplit('.').next()? {
        "SimpleStrategy" => {
            let replication_factor = factor(replication.get("replication_factor")?)?;
            Some(ReplicationStrategy::Simple { replication_factor })
        }
        "NetworkTopologyStrategy" => {
            let datacenters = replication.iter().filter(|(name, _)| *name != "class");
            let factors = datacenters.map(|(name, text)| Some((name.clone(), factor(text)?)));
            Some(ReplicationStrategy::NetworkTopology { datacenters: factors.collect::<Option<_>>()? })
        }
        "LocalStrategy" => Some(ReplicationStrategy::Local),
        _ => None,
    }
}

/// A replication factor; `3/1` (three, one of them transient) counts as three.
fn factor(text: &str) -> Option<u32> {
    text.split('/').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use starling_ring::HostId;
    use uuid::Uuid;

    use super::*;

    fn member(number: u8, datacenter: &str) -> Member {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, number));
        Member {
            datacenter: datacenter.to_owned(),
            rack: "r1".to_owned(),
            tokens: vec![Token(i64::from(number) * 100)],
            ..Member::at(HostId(Uuid::from_u128(number.into())), address)
        }
    }

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn replicas_follow_the_ring() {
        let strategies = BTreeMap::from([
            ("two".to_owned(), strategy(&map(&[("class", "SimpleStrategy"), ("replication_factor", "2")])).unwrap()),
            ("b".to_owned(), strategy(&map(&[("class", "a.b.NetworkTopologyStrategy"), ("b", "1")])).unwrap()),
        ]);
        let members = vec![member(1, "a"), member(2, "b"), member(3, "a")];
        let cluster = ClusterMap::new("c".to_owned(), members, strategies).unwrap();
        let of = |keyspace: &str, token| -> Vec<String> {
            let members =
                cluster.replicas(keyspace, Token(token)).iter().map(|index| &cluster.members()[usize::from(*index)]);
            members.map(|member| client_address(member).to_string()).collect()
        };
        assert_eq!(of("two", 150), ["127.0.0.2:9042", "127.0.0.3:9042"]);
        assert_eq!(of("two", 301), ["127.0.0.1:9042", "127.0.0.2:9042"]);
        assert_eq!(of("b", 301), ["127.0.0.2:9042"]);
        assert!(of("unknown", 0).is_empty());
    }

    #[test]
    fn strange_strategies_are_left_out() {
        for strange in [
            map(&[]),
            map(&[("class", "EverywhereStrategy")]),
            map(&[("class", "SimpleStrategy")]),
            map(&[("class", "SimpleStrategy"), ("replication_factor", "many")]),
            map(&[("class", "NetworkTopologyStrategy"), ("dc1", "x")]),
        ] {
            assert_eq!(strategy(&strange), None);
        }
        assert_eq!(strategy(&map(&[("class", "x.LocalStrategy")])), Some(ReplicationStrategy::Local));
    }
}
