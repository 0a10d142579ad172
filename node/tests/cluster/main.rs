//! Membership and schema over a network that loses, doubles and delays, with restarts: joined, refused, never forked.

#![allow(clippy::unwrap_used)]

mod changes;
mod heard;
mod joining;
mod leaving;
mod network;
