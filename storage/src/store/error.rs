//! Why the store did not do what it was asked.

use thiserror::Error;

use crate::engine::EngineError;
use crate::format::FormatError;
use crate::key::KeyError;

/// Why a mutation or read of a table is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// This node has not learned of the table or incarnation yet: worth trying again shortly.
    #[error("the table or its incarnation is not known here yet")]
    Behind,
    /// The table was dropped, or truncated into a newer incarnation.
    #[error("the table or its incarnation is gone")]
    Gone,
}

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A stored value does not decode.
    #[error("stored value is corrupt: {0}")]
    Corrupt(#[from] FormatError),
    /// A stored key does not decode.
    #[error("stored key is corrupt: {0}")]
    CorruptKey(#[from] KeyError),
    /// The table or incarnation is not the current one.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The queue of writes is full.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
}
