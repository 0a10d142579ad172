//! What clients asked, how it ended, how long it took and where it arrived.

use std::fmt;
use std::sync::atomic::Ordering;

use starling_ring::ConsistencyLevel;

use super::page::Page;
use crate::assembly::Node;
use crate::assembly::figures::{Figures, Locality, OperationKind, Outcome};

/// Label of operations to which a consistency level means nothing.
const NO_LEVEL: &str = "none";

pub(super) fn write(page: &mut Page<'_>, node: &Node) -> fmt::Result {
    let figures = &node.figures;
    page.counters("requests", "Client requests that have ended.", ended(figures))?;
    page.durations(
        "request_duration_seconds",
        "From the arrival of a request to its answer, whatever the outcome.",
        OperationKind::ALL
            .into_iter()
            .map(|operation| ([("operation", operation.name())], figures.durations(operation))),
    )?;
    for (name, help, locality) in [
        ("requests_local", "Requests for one partition that arrived at a replica of it.", Locality::Local),
        ("requests_remote", "Requests for one partition that arrived at another node.", Locality::Remote),
        ("requests_several", "Requests for more than one partition, wherever they arrived.", Locality::Several),
    ] {
        page.counters(name, help, arrived(figures, locality))?;
    }
    let counters = [
        ("speculative_reads", "Replicas asked in addition because another was slow.", &figures.speculative_reads),
        ("read_repairs", "Reads whose replicas disagreed and were repaired.", &figures.read_repairs),
        ("overloaded", "Operations refused because too many were under way.", &figures.overloaded),
    ];
    for (name, help, value) in counters {
        page.counter(name, help, value.load(Ordering::Relaxed))?;
    }
    let depths = node.depths();
    page.bounded("operations_under_way", "Operations that this node coordinates now.", depths.operations)?;
    page.gauge("timers", "Deadlines that are remembered: a few for each operation under way.", depths.timers)?;
    page.bounded("prepared_statements", "Prepared statements that are kept.", depths.prepared)?;
    page.bounded("prepared_statements_bytes", "What they take, about: bytes.", depths.prepared_bytes)?;
    page.counter(
        "prepared_statements_evicted",
        "Prepared statements dropped in favour of others.",
        depths.prepared_evicted,
    )?;
    page.bounded("changes_waiting", "Changes of schema or membership that wait for their turn.", depths.changes)
}

type EndedLabels = [(&'static str, &'static str); 3];

/// Every combination that has come up, and success in any case: a rate needs a beginning.
fn ended(figures: &Figures) -> impl Iterator<Item = (EndedLabels, u64)> {
    let levels = |operation: OperationKind| -> Vec<Option<ConsistencyLevel>> {
        match operation.has_level() {
            true => ConsistencyLevel::ALL_LEVELS.into_iter().map(Some).collect(),
            false => vec![None],
        }
    };
    let cases = OperationKind::ALL.into_iter().flat_map(move |operation| {
        levels(operation).into_iter().flat_map(move |level| Outcome::ALL.map(|outcome| (operation, level, outcome)))
    });
    cases.filter_map(|(operation, level, outcome)| {
        let count = figures.requests(operation, level, outcome);
        let labels = [
            ("operation", operation.name()),
            ("consistency", level.map_or(NO_LEVEL, ConsistencyLevel::name)),
            ("outcome", outcome.name()),
        ];
        (count > 0 || outcome == Outcome::Success).then_some((labels, count))
    })
}

fn arrived(figures: &Figures, locality: Locality) -> impl Iterator<Item = ([(&'static str, &'static str); 2], u64)> {
    let operations = match locality {
        Locality::Several => {
            &[OperationKind::Read, OperationKind::Write, OperationKind::Batch, OperationKind::Scan][..]
        }
        Locality::Local | Locality::Remote => &[OperationKind::Read, OperationKind::Write, OperationKind::Batch],
    };
    let cases = operations.iter().flat_map(|operation| [(*operation, false), (*operation, true)]);
    cases.map(move |(operation, is_prepared)| {
        let prepared = if is_prepared { "true" } else { "false" };
        let labels = [("operation", operation.name()), ("prepared", prepared)];
        (labels, figures.arrivals(operation, is_prepared, locality))
    })
}
