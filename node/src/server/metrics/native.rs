//! Clients' connections, and the memory that they take.

use std::fmt;
use std::sync::atomic::Ordering;

use super::page::Page;
use crate::assembly::Depth;
use crate::server::native::outgoing::FORMS;
use crate::server::native::{NativeServer, large_requests_max};

pub(super) fn write(page: &mut Page<'_>, native: &NativeServer, listeners: usize) -> fmt::Result {
    let figures = &native.figures;
    let connections_limit = native.limits.connections;
    let open = Depth::new(figures.connections.load(Ordering::Relaxed), connections_limit);
    page.bounded("native_connections", "Open connections of clients.", open)?;
    page.bounded(
        "native_event_listeners",
        "Connections that registered for events.",
        Depth::new(listeners, connections_limit),
    )?;
    let counters = [
        ("native_connections_accepted", "Connections accepted.", &figures.accepted),
        ("native_connections_refused", "Connections refused because there were too many.", &figures.refused),
        ("native_tls_connections", "Connections accepted that agreed on TLS.", &figures.tls_accepted),
        ("native_tls_failures", "Connections that came to no agreement on TLS.", &figures.tls_failures),
        ("native_timeouts", "Connections closed because a handshake or a frame did not end.", &figures.timeouts),
        ("native_requests", "Frames taken in.", &figures.requests),
        ("native_protocol_errors", "Frames that were no CQL, or out of place.", &figures.protocol_errors),
        ("native_overloaded", "Requests refused because clients' requests took too much memory.", &figures.overloaded),
        ("native_answers_dropped", "Answers replaced by OVERLOADED: too many unread.", &figures.answers_dropped),
        ("native_received_bytes", "Bytes from clients, without TLS.", &figures.received_bytes),
        ("native_sent_bytes", "Bytes to clients, without TLS.", &figures.sent_bytes),
    ];
    for (name, help, value) in counters {
        page.counter(name, help, value.load(Ordering::Relaxed))?;
    }
    let sessions = FORMS.into_iter().zip(&figures.sessions).map(|((version, compression), count)| {
        ([("version", version), ("compression", compression)], count.load(Ordering::Relaxed))
    });
    page.counters("native_sessions", "Connections that came as far as STARTUP, by what they agreed on.", sessions)?;
    let large_max = large_requests_max();
    let large = large_max.saturating_sub(native.large_requests.available_permits());
    page.bounded(
        "native_large_requests",
        "Large requests that are taken apart and planned now.",
        Depth::new(large, large_max),
    )?;
    let budget = &native.budget;
    page.gauge(
        "native_memory_limit_bytes",
        "Memory that clients may take, in the three shares below.",
        budget.limit_bytes() as u64,
    )?;
    for (name, help, now, limit) in [
        (
            "native_receiving_bytes",
            "Frames that have come in part.",
            budget.receiving_bytes(),
            budget.receiving_limit_bytes(),
        ),
        ("native_under_way_bytes", "Requests under way.", budget.under_way_bytes(), budget.under_way_limit_bytes()),
        ("native_unread_bytes", "Answers not read yet.", budget.unread_bytes(), budget.unread_limit_bytes()),
    ] {
        page.bounded(name, help, Depth::new(now, limit))?;
    }
    Ok(())
}
