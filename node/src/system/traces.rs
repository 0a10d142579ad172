//! `system_traces.sessions`: requests that this node coordinated and was asked to trace.

use std::net::IpAddr;

use uuid::Uuid;

use super::ClusterView;
use super::partitions::PartitionsBuilder;
use super::wire::{inet, int, text, text_map, timestamp, uuid};

/// A traced request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSession {
    /// Id of the trace, which the answer carries.
    pub id: Uuid,
    /// Who asked.
    pub client: Option<IpAddr>,
    /// What kind of request it was.
    pub request: &'static str,
    /// What it said.
    pub parameters: Vec<(String, String)>,
    /// When it came, in milliseconds since 1970.
    pub started_at_ms: i64,
    /// How long it took in microseconds; `None` while it is under way.
    pub duration_us: Option<u64>,
}

pub fn sessions(view: &ClusterView<'_>, builder: &mut PartitionsBuilder<'_>) {
    let local = view.members.iter().find(|member| member.host_id == view.local);
    for session in view.traces {
        let mut row = vec![
            ("session_id", uuid(session.id)),
            ("command", text("QUERY")),
            ("parameters", text_map(session.parameters.iter().map(|(key, value)| (key, value)))),
            ("request", text(session.request)),
            ("started_at", timestamp(session.started_at_ms)),
        ];
        row.extend(session.client.map(|client| ("client", inet(client))));
        row.extend(session.duration_us.map(|duration| ("duration", int(duration))));
        if let Some(member) = local {
            row.push(("coordinator", inet(member.listen_address)));
            row.push(("coordinator_port", int(member.storage_port)));
        }
        builder.row(row);
    }
}
