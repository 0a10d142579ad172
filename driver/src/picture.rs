//! The cluster as a request sees it: who is where, with the host objects at hand, and in which order to ask them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use starling_ring::Token;

use crate::cluster::{ClusterMap, client_address};
use crate::host::{Host, Opening};

/// An immutable picture; a request holds one from start to end.
pub(crate) struct Picture {
    pub cluster: Arc<ClusterMap>,
    /// The host of each member, and whether it is in the local datacentre.
    hosts: Vec<(Arc<Host>, bool)>,
}

/// How far a request has come in looking for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Replicas of the partition that seem well.
    Replicas,
    /// Other hosts that seem well, those of the local datacentre first.
    Others,
    /// Whoever is left.
    Suspects,
}

impl Picture {
    /// A picture of `cluster` that keeps the hosts that `before` has, with their connections.
    pub fn new(cluster: ClusterMap, before: Option<&Picture>, local_datacenter: &str, opening: Opening) -> Picture {
        let known: BTreeMap<SocketAddr, &Arc<Host>> =
            before.into_iter().flat_map(|before| &before.hosts).map(|(host, _)| (host.address, host)).collect();
        let hosts = cluster.members().iter().map(|member| {
            let address = client_address(member);
            let host =
                known.get(&address).map_or_else(|| Arc::new(Host::new(address, opening)), |host| (*host).clone());
            (host, member.datacenter == local_datacenter)
        });
        let hosts = hosts.collect();
        Picture { cluster: Arc::new(cluster), hosts }
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.hosts.iter().map(|(host, _)| host)
    }

    fn candidates(&self, stage: Stage, route: Option<(&str, Token)>, turn: usize) -> Vec<Arc<Host>> {
        let replicas = route.map_or(&[][..], |(keyspace, token)| self.cluster.replicas(keyspace, token));
        let members = replicas.iter().filter_map(|index| self.hosts.get(usize::from(*index)));
        match stage {
            Stage::Replicas => {
                // A remote replica is no better than a local node that is none: both forward the request.
                let local = members.filter(|(host, local)| *local && !host.is_suspect());
                rotated(local.map(|(host, _)| host.clone()).collect(), turn)
            }
            Stage::Others => {
                let well = self.hosts.iter().filter(|(host, _)| !host.is_suspect());
                let (local, remote): (Vec<_>, Vec<_>) = well.partition(|(_, local)| *local);
                let of = |hosts: Vec<&(Arc<Host>, bool)>| {
                    rotated(hosts.into_iter().map(|(host, _)| host.clone()).collect(), turn)
                };
                [of(local), of(remote)].concat()
            }
            Stage::Suspects => rotated(self.hosts().cloned().collect(), turn),
        }
    }

    /// The hosts to ask, one after the other, each once. What seems well is looked up when its turn comes.
    pub fn plan<'p>(&'p self, route: Option<(&'p str, Token)>, turn: usize) -> impl Iterator<Item = Arc<Host>> + 'p {
        let mut asked: Vec<SocketAddr> = Vec::new();
        [Stage::Replicas, Stage::Others, Stage::Suspects]
            .into_iter()
            .flat_map(move |stage| self.candidates(stage, route, turn))
            .filter(move |host| {
                let is_new = !asked.contains(&host.address);
                asked.push(host.address);
                is_new
            })
    }
}

fn rotated(mut hosts: Vec<Arc<Host>>, turn: usize) -> Vec<Arc<Host>> {
    let count = hosts.len().max(1);
    hosts.rotate_left(turn % count);
    hosts
}
