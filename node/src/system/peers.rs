//! `system.peers` and `system.peers_v2`: the other nodes, dead ones too. Drivers learn of liveness by events.

use starling_ring::Member;

use super::partitions::PartitionsBuilder;
use super::wire::{inet, int, text, text_set, uuid};
use super::{ClusterView, RELEASE_VERSION};

/// The table that older drivers read. Its key is the address alone, so of nodes that share one address the
/// first by host id is listed.
pub fn peers(view: &ClusterView<'_>, builder: &mut PartitionsBuilder<'_>) {
    for member in others(view) {
        builder.row([
            ("peer", inet(member.listen_address)),
            ("data_center", text(&member.datacenter)),
            ("host_id", uuid(member.host_id.0)),
            ("rack", text(&member.rack)),
            ("release_version", text(RELEASE_VERSION)),
            ("rpc_address", inet(member.rpc_address)),
            ("schema_version", uuid(view.schema_version_of(member.host_id))),
            ("tokens", text_set(member.tokens.iter().map(|token| token.0.to_string()))),
        ]);
    }
}

/// The table that knows of ports.
pub fn peers_v2(view: &ClusterView<'_>, builder: &mut PartitionsBuilder<'_>) {
    for member in others(view) {
        builder.row([
            ("peer", inet(member.listen_address)),
            ("peer_port", int(member.storage_port)),
            ("data_center", text(&member.datacenter)),
            ("host_id", uuid(member.host_id.0)),
            ("native_address", inet(member.rpc_address)),
            ("native_port", int(member.native_transport_port)),
            ("rack", text(&member.rack)),
            ("release_version", text(RELEASE_VERSION)),
            ("schema_version", uuid(view.schema_version_of(member.host_id))),
            ("tokens", text_set(member.tokens.iter().map(|token| token.0.to_string()))),
        ]);
    }
}

fn others<'a>(view: &ClusterView<'a>) -> impl Iterator<Item = &'a Member> {
    let mut others: Vec<&Member> = view.members.iter().filter(|member| member.host_id != view.local).collect();
    others.sort_by_key(|member| member.host_id);
    others.into_iter()
}
