//! The clocks.

use std::fmt;

use super::page::Page;
use crate::assembly::Node;

pub(super) fn write(page: &mut Page<'_>, node: &Node) -> fmt::Result {
    let clock = node.clock_figures();
    page.gauge(
        "clock_trusted",
        "1 while this node coordinates, as far as its clock goes.",
        u64::from(clock.is_trusted),
    )?;
    page.gauge(
        "clock_ahead_seconds",
        "How far the wall clock is ahead of the median of other nodes' clocks; negative: behind.",
        clock.ahead_us as f64 / 1e6,
    )?;
    page.gauge(
        "clock_drawn_seconds",
        "How far the hybrid clock is ahead of this node's wall clock.",
        clock.drawn_us as f64 / 1e6,
    )?;
    page.gauge("clocks_compared", "Other nodes' clocks that this node's was compared with.", clock.compared as u64)?;
    page.counter("clock_refused", "Requests that were refused because of the clock.", clock.refused)?;
    page.counter(
        "clock_stamps_beyond",
        "Stamps of other nodes or of clients that were too far ahead to be followed.",
        clock.beyond,
    )
}
