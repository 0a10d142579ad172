//! Fuzz targets: every decoder that bytes from outside reach, with what must hold of whatever it accepts.
//!
//! A target is a plain function of bytes. `tests/fuzz/libfuzzer` gives them to libFuzzer; an ordinary test runs each on
//! its seeds and on many small changes of them.

mod frames;
mod gossip;
mod internode;
mod language;
mod log;
pub mod seeds;
mod storage;

/// A target: panics if what must hold does not.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 6] = [
    ("frames", frames::run),
    ("gossip", gossip::run),
    ("internode", internode::run),
    ("language", language::run),
    ("log", log::run),
    ("storage", storage::run),
];

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}
