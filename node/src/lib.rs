//! The server: planning, coordination, consensus, links, listeners.

pub mod schema;
pub mod system;
