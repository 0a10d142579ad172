//! The first bytes on every lane, in both directions: who is speaking, and what kind of traffic follows.
//!
//! `STRL`, message version (u8), lane (u8), length (u16, little endian), then the greeting.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use starling_ring::HostId;
use uuid::Uuid;

use crate::message::{Lane, MESSAGE_VERSION, wire};

const MAGIC: &[u8; 4] = b"STRL";
/// A greeting is short; more than this is somebody else's protocol.
const GREETING_MAX_BYTES: usize = 1024;

/// Who is speaking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Identity of the node.
    pub host_id: HostId,
    /// Grows with every start of that node.
    pub generation: u64,
    /// Name of the cluster that it means.
    pub cluster_name: String,
    /// The cluster that it is a member of; none before it has founded or joined one.
    pub cluster_id: Option<Uuid>,
}

fn lane_code(lane: Lane) -> u8 {
    match lane {
        Lane::Control => 0,
        Lane::Data => 1,
    }
}

fn lane_from_code(code: u8) -> Result<Lane> {
    Ok(match code {
        0 => Lane::Control,
        1 => Lane::Data,
        other => bail!("unknown lane {other}"),
    })
}

/// Sends a greeting.
pub async fn write(stream: &mut quinn::SendStream, lane: Lane, greeting: &Greeting) -> Result<()> {
    let body = wire::encode(greeting)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[MESSAGE_VERSION, lane_code(lane)]);
    bytes.extend_from_slice(&u16::try_from(body.len()).context("cluster name too long")?.to_le_bytes());
    bytes.extend_from_slice(&body);
    stream.write_all(&bytes).await?;
    Ok(())
}

/// Receives a greeting.
pub async fn read(stream: &mut quinn::RecvStream) -> Result<(Lane, Greeting)> {
    let mut header = [0u8; 8];
    stream.read_exact(&mut header).await?;
    if &header[..4] != MAGIC {
        bail!("not a Starling node");
    }
    if header[4] != MESSAGE_VERSION {
        bail!("message version {} is not spoken here, only {MESSAGE_VERSION}", header[4]);
    }
    let lane = lane_from_code(header[5])?;
    let length = usize::from(u16::from_le_bytes([header[6], header[7]]));
    if length > GREETING_MAX_BYTES {
        bail!("greeting of {length} bytes");
    }
    let mut body = vec![0u8; length];
    stream.read_exact(&mut body).await?;
    Ok((lane, wire::decode(&body)?))
}
