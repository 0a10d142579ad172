//! The server: planning, coordination, consensus, links, listeners.

pub mod schema;
