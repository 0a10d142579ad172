//! What a node keeps on its own disk about itself: host id, generation, cluster metadata.

use anyhow::{Context, Result};
use starling_ring::HostId;
use starling_storage::store::Store;
use uuid::Uuid;

use crate::cluster::Metadata;
use crate::message::wire;

const HOST_ID_KEY: &[u8] = b"node/host_id";
const GENERATION_KEY: &[u8] = b"node/generation";
const METADATA_KEY: &[u8] = b"cluster/metadata";

/// Identity as read at start.
pub struct Stored {
    /// The node's identity, made at its first start.
    pub host_id: HostId,
    /// Number of this start.
    pub generation: u64,
    /// Newest metadata that it adopted.
    pub metadata: Option<Metadata>,
}

/// Reads the identity, making it at the first start, and counts this start.
pub fn load(store: &Store, new_host_id: Uuid) -> Result<Stored> {
    let host_id = match store.get_meta(HOST_ID_KEY)? {
        Some(bytes) => Uuid::from_slice(&bytes).context("the stored host id is damaged")?,
        None => {
            store.put_meta(HOST_ID_KEY, new_host_id.as_bytes())?;
            new_host_id
        }
    };
    let before = match store.get_meta(GENERATION_KEY)? {
        Some(bytes) => u64::from_be_bytes(bytes[..].try_into().context("the stored generation is damaged")?),
        None => 0,
    };
    let generation = before + 1;
    store.put_meta(GENERATION_KEY, &generation.to_be_bytes())?;
    let metadata = match store.get_meta(METADATA_KEY)? {
        Some(bytes) => Some(wire::decode(&bytes).context("the stored cluster metadata is damaged")?),
        None => None,
    };
    Ok(Stored { host_id: HostId(host_id), generation, metadata })
}

/// Makes metadata durable.
pub fn save_metadata(store: &Store, metadata: &Metadata) -> Result<()> {
    store.put_meta(METADATA_KEY, &wire::encode(metadata)?)?;
    Ok(())
}
