//! Connections against a node that keeps its data in memory.

mod connections;
mod encryption;
mod fixture;
mod forms;
mod hostile;
mod scans;
mod stamps;
mod statements;
