//! Which members hold a token range: replication strategies over a topology.
