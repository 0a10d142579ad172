//! `system_traces`: requests that this node coordinated and was asked to trace.

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

/// What is known of a request's way: when it came, and when it was answered.
pub fn events(view: &ClusterView<'_>, builder: &mut PartitionsBuilder<'_>) {
    let local = view.members.iter().find(|member| member.host_id == view.local);
    for session in view.traces {
        let answered = session.duration_us.map(|duration_us| ("Request answered", duration_us));
        for (activity, elapsed_us) in [("Request received", 0)].into_iter().chain(answered) {
            let mut row = vec![
                ("session_id", uuid(session.id)),
                ("event_id", uuid(later(session.id, elapsed_us))),
                ("activity", text(activity)),
                ("source_elapsed", int(elapsed_us)),
                ("thread", text("coordinator")),
            ];
            if let Some(member) = local {
                row.push(("source", inet(member.listen_address)));
                row.push(("source_port", int(member.storage_port)));
            }
            builder.row(row);
        }
    }
}

/// The time-based UUID so much later than `id`, with its node and clock sequence.
fn later(id: Uuid, elapsed_us: u64) -> Uuid {
    let (low, middle, high, rest) = id.as_fields();
    let ticks = u64::from(low) | u64::from(middle) << 32 | u64::from(high & 0xFFF) << 48;
    let ticks = ticks.wrapping_add(elapsed_us.wrapping_mul(10));
    Uuid::from_fields(ticks as u32, (ticks >> 32) as u16, (ticks >> 48) as u16 & 0xFFF | 0x1000, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_ids_of_their_time() {
        let id = Uuid::from_fields(0xFFFF_FFFB, 0xFFFF, 0x11F0, &[0x80, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(later(id, 0), id);
        assert_eq!(later(id, 1), Uuid::from_fields(5, 0, 0x11F1, &[0x80, 1, 2, 3, 4, 5, 6, 7]));
    }
}
