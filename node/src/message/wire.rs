//! The one place where bincode is used: messages between nodes and small metadata, with a size limit.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest encoded message in bytes. A decoder allocates no more than this, whatever a length field says.
/// Bounds: above the largest mutation or read answer (see `max_mutation_size`, page limits), far below memory.
pub const MESSAGE_SIZE_MAX_BYTES: usize = 64 << 20;

/// A message that could not be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Bytes from a peer or from disk that are no message of this version.
    #[error("malformed message: {0}")]
    Decode(#[from] bincode::error::DecodeError),
    /// A message above the size limit.
    #[error("message cannot be encoded: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    /// Bytes left over after the message.
    #[error("malformed message: {0} bytes after its end")]
    Trailing(usize),
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MESSAGE_SIZE_MAX_BYTES>()
}

/// Appends the encoding of `value` to `out`.
pub fn encode_into<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), WireError> {
    bincode::serde::encode_into_std_write(value, out, config())?;
    Ok(())
}

/// The encoding of `value`.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    encode_into(value, &mut out)?;
    Ok(out)
}

/// Decodes exactly one value from `bytes`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    // Borrowing: payloads are copied from what is there, so a length alone makes nobody allocate.
    let (value, used) = bincode::serde::borrow_decode_from_slice(bytes, config())?;
    match bytes.len() - used {
        0 => Ok(value),
        left => Err(WireError::Trailing(left)),
    }
}
