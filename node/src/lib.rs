//! The server: planning, coordination, consensus, links, listeners.

pub mod assembly;
pub mod cluster;
pub mod coordinate;
pub mod message;
pub mod paxos;
pub mod plan;
pub mod schema;
pub mod server;
pub mod settings;
pub mod system;
pub mod time;
