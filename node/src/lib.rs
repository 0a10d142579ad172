//! The server: planning, coordination, consensus, links, listeners.

pub mod plan;
pub mod schema;
pub mod system;
