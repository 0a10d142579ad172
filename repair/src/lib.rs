//! What differs between replicas and what to send. Pure: no clock, no randomness, no IO.

mod difference;
mod extent;
pub mod reconcile;

pub use difference::difference;
pub use reconcile::{Reconciled, reconcile};
