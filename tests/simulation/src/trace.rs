//! What happened, as a hash over all of it and, if it is asked for, in lines that people read.

use std::fmt::{self, Arguments};

use starling_node::message::PeerMessage;
use xxhash_rust::xxh3::Xxh3Default;

/// A line is cut here, in characters.
const LINE_MAX: usize = 240;

/// The trace of one run.
#[derive(Default)]
pub struct Trace {
    hash: Xxh3Default,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace, with lines or without.
    pub fn new(with_lines: bool) -> Self {
        Trace { hash: Xxh3Default::new(), lines: with_lines.then(Vec::new) }
    }

    /// Something happened.
    pub fn note(&mut self, at_us: u64, kind: u8, a: u64, b: u64) {
        let mut bytes = [0u8; 25];
        bytes[0] = kind;
        bytes[1..9].copy_from_slice(&at_us.to_be_bytes());
        bytes[9..17].copy_from_slice(&a.to_be_bytes());
        bytes[17..].copy_from_slice(&b.to_be_bytes());
        self.hash.update(&bytes);
    }

    /// The same in words; nothing is formatted unless lines are wanted.
    pub fn say(&mut self, at_us: u64, what: Arguments<'_>) {
        if let Some(lines) = &mut self.lines {
            let text = format!("{:>12.6} s  {what}", at_us as f64 / 1e6);
            let cut = text.char_indices().nth(LINE_MAX).map_or(text.len(), |(at, _)| at);
            lines.push(text[..cut].to_owned());
        }
    }

    /// Hash over every event: equal traces are equal runs.
    pub fn digest(&self) -> u64 {
        self.hash.digest()
    }

    /// The lines, if there are any.
    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

/// A message in few words.
pub struct Brief<'a>(pub &'a PeerMessage);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            PeerMessage::Gossip { .. } => write!(f, "gossip"),
            PeerMessage::Cluster(stance, message) => write!(f, "at {}: {message:?}", stance.position),
            PeerMessage::Request { reply_to, request, .. } => write!(f, "{reply_to:?} {request:?}"),
            PeerMessage::Clock(message) => write!(f, "{message:?}"),
            PeerMessage::Answer { reply_to, answer } => write!(f, "{reply_to:?} {answer:?}"),
        }
    }
}
