//! The links to other nodes.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::page::Page;
use crate::assembly::Depth;
use crate::message::MESSAGE_KINDS;
use crate::server::links::Links;
use crate::server::links::figures::LIMITS;

pub(super) fn write(page: &mut Page<'_>, links: &Links) -> fmt::Result {
    let figures = &links.figures;
    let by_kind = |counts: &[AtomicU64; MESSAGE_KINDS.len()]| {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let samples: Vec<_> =
            MESSAGE_KINDS.into_iter().zip(counts).map(|(kind, one)| ([("kind", kind)], count(one))).collect();
        samples
    };
    page.counters(
        "internode_messages_offered",
        "Messages for other nodes, those dropped included.",
        by_kind(&figures.offered),
    )?;
    page.counters("internode_messages_received", "Messages from other nodes.", by_kind(&figures.received))?;
    let counters = [
        ("internode_messages_sent", "Messages handed to a link.", &figures.sent),
        ("internode_messages_dropped", "Messages that no link took: peer away, queue full.", &figures.dropped),
        ("internode_links_reset", "Links that ended because the peer had restarted.", &figures.reset),
        ("internode_received_bytes", "Bytes of messages from other nodes.", &figures.received_bytes),
    ];
    for (name, help, value) in counters {
        page.counter(name, help, value.load(Ordering::Relaxed))?;
    }
    let peers: Vec<(String, _)> = links.peers().into_iter().map(|(host, peer)| (host.to_string(), peer)).collect();
    let of = |host: &String| [("peer", host.clone())];
    let open = peers.iter().map(|(host, peer)| (of(host), peer.links as u64));
    page.gauges("internode_links", "Open links by peer (a host id).", open)?;
    let round_trips = peers.iter().map(|(host, peer)| (of(host), peer.round_trip.as_secs_f64()));
    page.gauges("internode_round_trip_seconds", "Round trip time as the link measures it.", round_trips)?;
    let lanes = peers.iter().flat_map(|(host, peer)| {
        let lane = |name: &'static str, bytes: usize| ([("peer", host.clone()), ("lane", name.into())], bytes as u64);
        [lane("control", peer.control_bytes), lane("data", peer.data_bytes)]
    });
    page.gauges("internode_queue_bytes", "Messages that wait in a link's lane.", lanes)?;
    page.limit("internode_queue_bytes", LIMITS.lane_bytes as u64)?;
    page.bounded(
        "internode_kept_bytes",
        "Messages for the peer with most of them that wait for a link to be made.",
        Depth::new(links.most_kept_bytes(), LIMITS.kept_bytes),
    )?;
    page.bounded(
        "internode_handshakes",
        "Links from others that are being made.",
        Depth::new(links.handshakes(), LIMITS.handshakes),
    )
}
