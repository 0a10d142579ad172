//! `system.local`: this node.

use super::partitions::PartitionsBuilder;
use super::wire::{inet, int, text, text_set, uuid};
use super::{CQL_VERSION, ClusterView, NATIVE_PROTOCOL_VERSION, PARTITIONER, RELEASE_VERSION};

pub fn local(view: &ClusterView<'_>, builder: &mut PartitionsBuilder<'_>) {
    let Some(member) = view.members.iter().find(|member| member.host_id == view.local) else {
        return;
    };
    builder.row([
        ("key", text("local")),
        ("bootstrapped", text("COMPLETED")),
        ("broadcast_address", inet(member.listen_address)),
        ("broadcast_port", int(member.storage_port)),
        ("cluster_name", text(view.cluster_name)),
        ("cql_version", text(CQL_VERSION)),
        ("data_center", text(&member.datacenter)),
        ("gossip_generation", int(view.gossip_generation)),
        ("host_id", uuid(member.host_id.0)),
        ("listen_address", inet(member.listen_address)),
        ("listen_port", int(member.storage_port)),
        ("native_protocol_version", text(NATIVE_PROTOCOL_VERSION)),
        ("partitioner", text(PARTITIONER)),
        ("rack", text(&member.rack)),
        ("release_version", text(RELEASE_VERSION)),
        ("rpc_address", inet(member.rpc_address)),
        ("rpc_port", int(member.native_transport_port)),
        ("schema_version", uuid(view.schema_version)),
        ("tokens", text_set(member.tokens.iter().map(|token| token.0.to_string()))),
    ]);
}
