//! A lane: one long-lived stream that carries many messages, coalesced per write.
//!
//! Frame: length of what follows (u32, little endian), message version (u8), message. See docs/FORMATS.md.

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::message::wire::{self, MESSAGE_SIZE_MAX_BYTES, WireError};
use crate::message::{MESSAGE_VERSION, PeerMessage};

/// Most bytes that may wait in one lane. What comes on top is refused, and its sender told.
/// Trade: memory per peer against bursts; bounds: one largest message to the memory of the machine.
const QUEUE_MAX_BYTES: usize = 80 << 20;
const HEADER_BYTES: usize = 5;

/// A message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The lane's connection is gone.
    #[error("the link is closed")]
    Closed,
    /// Too many bytes wait already.
    #[error("the link's queue is full")]
    Full,
    /// Not encodable.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A frame that cannot be one.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A length above the limit.
    #[error("frame of {0} bytes is above the limit")]
    TooLong(usize),
    /// A message of another version.
    #[error("message version {0} is not supported here (only {MESSAGE_VERSION})")]
    Version(u8),
    /// Undecodable.
    #[error(transparent)]
    Wire(#[from] WireError),
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    closed: bool,
}

/// The sending end: any thread pushes, one task writes.
#[derive(Default)]
pub struct LaneQueue {
    queue: Mutex<Queue>,
    wake: Notify,
}

impl LaneQueue {
    /// Queues a message.
    pub fn push(&self, message: &PeerMessage) -> Result<(), LaneError> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(LaneError::Closed);
        }
        let start = queue.bytes.len();
        if start >= QUEUE_MAX_BYTES {
            return Err(LaneError::Full);
        }
        if let Err(error) = append_frame(message, &mut queue.bytes) {
            queue.bytes.truncate(start);
            return Err(error.into());
        }
        drop(queue);
        if start == 0 {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// No more messages are taken; the writer ends.
    pub fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        queue.bytes = Vec::new();
        drop(queue);
        self.wake.notify_one();
    }

    /// Bytes that wait.
    pub fn depth_bytes(&self) -> usize {
        self.queue.lock().bytes.len()
    }

    /// Writes what is queued until the lane or the stream is closed.
    pub async fn write_to(&self, mut stream: quinn::SendStream) {
        let mut batch = Vec::new();
        loop {
            self.wake.notified().await;
            loop {
                {
                    let mut queue = self.queue.lock();
                    if queue.closed {
                        return;
                    }
                    if queue.bytes.is_empty() {
                        break;
                    }
                    std::mem::swap(&mut queue.bytes, &mut batch);
                }
                if stream.write_all(&batch).await.is_err() {
                    self.close();
                    return;
                }
                // A burst must not keep its memory for ever.
                if batch.capacity() > (1 << 20) { batch = Vec::new() } else { batch.clear() }
            }
        }
    }
}

fn append_frame(message: &PeerMessage, out: &mut Vec<u8>) -> Result<(), WireError> {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, MESSAGE_VERSION]);
    wire::encode_into(message, out)?;
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Takes the next whole message off the front of `buffer`; `None` until it is all there.
pub fn take_frame(buffer: &mut BytesMut) -> Result<Option<PeerMessage>, FrameError> {
    let Some(header) = buffer.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
    let version = header[4];
    if version != MESSAGE_VERSION {
        return Err(FrameError::Version(version));
    }
    if length == 0 || length > MESSAGE_SIZE_MAX_BYTES {
        return Err(FrameError::TooLong(length));
    }
    if buffer.len() < 4 + length {
        return Ok(None);
    }
    let message = wire::decode(&buffer[HEADER_BYTES..4 + length])?;
    buffer.advance(4 + length);
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ClusterMessage;

    fn message(epoch: u64) -> PeerMessage {
        PeerMessage::Cluster(ClusterMessage::Fetch { have_epoch: epoch })
    }

    #[test]
    fn frames_come_back_whole_however_they_are_cut() {
        let mut bytes = Vec::new();
        for epoch in [0, 300, u64::MAX] {
            append_frame(&message(epoch), &mut bytes).unwrap();
        }
        let mut buffer = BytesMut::new();
        let mut seen = Vec::new();
        for byte in bytes {
            buffer.extend_from_slice(&[byte]);
            while let Some(message) = take_frame(&mut buffer).unwrap() {
                seen.push(message);
            }
        }
        assert_eq!(seen, vec![message(0), message(300), message(u64::MAX)]);
    }

    #[test]
    fn hostile_lengths_and_versions_are_refused() {
        let mut buffer = BytesMut::from(&[0xff, 0xff, 0xff, 0xff, MESSAGE_VERSION][..]);
        assert!(matches!(take_frame(&mut buffer), Err(FrameError::TooLong(_))));
        let mut buffer = BytesMut::from(&[1, 0, 0, 0, 9, 0][..]);
        assert!(matches!(take_frame(&mut buffer), Err(FrameError::Version(9))));
        let mut buffer = BytesMut::from(&[4, 0, 0, 0, MESSAGE_VERSION, 0xff, 0xff, 0xff][..]);
        assert!(matches!(take_frame(&mut buffer), Err(FrameError::Wire(_))));
    }
}
