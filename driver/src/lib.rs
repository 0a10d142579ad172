//! Starling's client for Rust.
//!
//! A [`Session`] keeps one connection per node and multiplexes requests over it. Prepared statements go to a replica of
//! their partition. A request that may have reached a node is sent again only if it reads, or if its options say that
//! it may be sent twice.
//!
//! # What follows what
//!
//! Writes without a timestamp are stamped by the node that coordinates them. A session keeps the highest stamp that it was
//! told and carries it with each statement and batch, so what one session does, and what was done before in what it has
//! read, is stamped in that order, whichever nodes coordinate it and whatever their clocks say. (This costs 30 bytes a
//! request and as many an answer; to servers other than Starling nothing is sent.)
//!
//! Sessions know nothing of each other. Where one goes on from what another has done, in this process or elsewhere, hand
//! over what [`Session::last_stamp`] says to [`Session::observe_stamp`], with the message that says to go on.
//!
//! A node whose clock is too far behind a session's stamp does nothing and says so; the driver turns to the next. If all of
//! them are, [`DriverError::NoHostAvailable`] says by how much: the stamp came from a node whose clock was wrong, or from
//! elsewhere.
//!
//! ```no_run
//! # async fn example() -> Result<(), starling_driver::DriverError> {
//! use starling_driver::{ConsistencyLevel, QueryOptions, Session, SessionOptions};
//!
//! let session = Session::connect(["127.0.0.1"], SessionOptions::default()).await?;
//! let insert = session.prepare("INSERT INTO shop.orders (customer, id, total) VALUES (?, ?, ?)").await?;
//! let quorum = QueryOptions::default().consistency(ConsistencyLevel::Quorum);
//! session.execute(&insert, &["ada".into(), 1.into(), 12.5.into()], &quorum).await?;
//! # Ok(())
//! # }
//! ```

mod agreement;
mod ask;
mod cluster;
mod connection;
mod control;
mod error;
mod execute;
mod from_value;
mod host;
mod options;
mod pages;
mod picture;
mod resolve;
mod result;
mod session;
mod stamp;
mod statement;
mod streams;
mod wire;

pub use cluster::ClusterMap;
pub use error::DriverError;
pub use from_value::FromValue;
pub use options::{ContactPoint, DEFAULT_PORT, QueryOptions, SessionOptions};
pub use pages::Pages;
pub use result::{QueryResult, Row};
pub use session::Session;
pub use starling_cql_lite::protocol::request::BatchKind;
pub use starling_cql_lite::protocol::{ColumnSpec as Column, CqlError};
pub use starling_cql_lite::types::CqlType;
pub use starling_cql_lite::value::{Decimal, Duration, Value, ValueError};
pub use starling_ring::ConsistencyLevel;
pub use statement::{Batch, PreparedStatement};
