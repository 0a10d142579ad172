//! What a node keeps on its own disk about itself: host id, generation, the log of membership and schema.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use starling_ring::HostId;
use starling_storage::store::Store;
use uuid::Uuid;

use crate::assembly::CEILING_KEY;
use crate::cluster::{StoredLog, journal};
use crate::time::Stamp;

const HOST_ID_KEY: &[u8] = b"node/host_id";
const GENERATION_KEY: &[u8] = b"node/generation";
/// Of versions before the log.
const OLD_METADATA_KEY: &[u8] = b"cluster/metadata";
/// Keys read at a time.
const KEYS_PER_SCAN: usize = 1_000;

/// Identity as read at start.
pub struct Stored {
    /// The node's identity, made at its first start.
    pub host_id: HostId,
    /// Number of this start.
    pub generation: u64,
    /// The log of membership and schema.
    pub log: StoredLog,
    /// Beyond all stamps of earlier lives; 0: none is known.
    pub clock_ceiling: Stamp,
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
    if store.get_meta(OLD_METADATA_KEY)?.is_some() {
        bail!(
            "this data directory was written by a version before the log of membership and schema; it cannot be read"
        );
    }
    let clock_ceiling = match store.get_meta(CEILING_KEY)? {
        Some(bytes) => {
            Stamp::from_be_bytes(bytes[..].try_into().context("the stored ceiling of the clock is damaged")?)
        }
        None => 0,
    };
    Ok(Stored { host_id: HostId(host_id), generation, log: load_log(store)?, clock_ceiling })
}

fn load_log(store: &Store) -> Result<StoredLog> {
    let mut stored: Vec<(Bytes, Bytes)> = Vec::new();
    loop {
        let after = stored.last().map(|(key, _)| key.clone());
        let more = store.scan_meta(journal::PREFIX, after.as_deref(), KEYS_PER_SCAN)?;
        let is_all = more.len() < KEYS_PER_SCAN;
        stored.extend(more);
        if is_all {
            return Ok(StoredLog::load(stored)?);
        }
    }
}
