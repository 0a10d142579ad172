//! A lane: one long-lived stream that carries many messages, coalesced per write.
//!
//! Frame: length of what follows (u32, little endian), message version (u8), message. See docs/FORMATS.md.

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::message::wire::{self, MESSAGE_SIZE_MAX_BYTES, WireError};
use crate::message::{MESSAGE_VERSION, Stamped};

/// From this many bytes in a lane, waiting or handed to a write, messages are refused and their sender told.
/// Trade: memory per peer against bursts; bounds: a burst of 1 MiB to the memory of the machine. One message may
/// come on top, so that the largest is taken by an idle lane.
pub(super) const QUEUE_MAX_BYTES: usize = 32 << 20;
/// A buffer larger than this is given back once it is empty: a burst must not keep its memory for ever.
pub(super) const BUFFER_KEPT_BYTES: usize = 1 << 20;
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
    /// A message that the peer would refuse.
    #[error("a message of {0} bytes is above the limit")]
    TooLong(usize),
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
    #[error("message version {0} is not spoken here, only {MESSAGE_VERSION}")]
    Version(u8),
    /// Undecodable.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Encoded messages, one after the other.
#[derive(Default)]
pub struct Frames {
    bytes: Vec<u8>,
    count: u64,
}

impl Frames {
    /// Adds a message, or leaves everything as it was.
    pub fn push(&mut self, message: &Stamped) -> Result<(), LaneError> {
        let start = self.bytes.len();
        let outcome = append_frame(message, &mut self.bytes);
        match outcome {
            Ok(()) => self.count += 1,
            Err(_) => self.bytes.truncate(start),
        }
        outcome
    }

    /// Messages in it.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their size.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// Takes nothing more; what waits is still sent.
    Ending,
    Closed,
}

#[derive(Default)]
struct Queue {
    waiting: Frames,
    writing_bytes: usize,
    stage: Stage,
}

impl Queue {
    fn admit(&self) -> Result<(), LaneError> {
        if self.stage != Stage::Open {
            return Err(LaneError::Closed);
        }
        if self.depth_bytes() >= QUEUE_MAX_BYTES {
            return Err(LaneError::Full);
        }
        Ok(())
    }

    fn depth_bytes(&self) -> usize {
        self.waiting.size_bytes() + self.writing_bytes
    }
}

/// The sending end: any thread pushes, one task writes.
#[derive(Default)]
pub struct LaneQueue {
    queue: Mutex<Queue>,
    wake: Notify,
}

impl LaneQueue {
    /// Queues a message.
    pub fn push(&self, message: &Stamped) -> Result<(), LaneError> {
        let mut queue = self.queue.lock();
        queue.admit()?;
        let was_empty = queue.waiting.count == 0;
        queue.waiting.push(message)?;
        drop(queue);
        if was_empty {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Queues messages that were encoded before there was a link.
    pub fn push_frames(&self, frames: &Frames) -> Result<(), LaneError> {
        let mut queue = self.queue.lock();
        queue.admit()?;
        queue.waiting.bytes.extend_from_slice(&frames.bytes);
        queue.waiting.count += frames.count;
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// No more messages are taken; the writer ends at once.
    pub fn close(&self) {
        let mut queue = self.queue.lock();
        queue.stage = Stage::Closed;
        queue.waiting = Frames::default();
        drop(queue);
        self.wake.notify_one();
    }

    /// No more messages are taken; the writer ends when the peer has what waits.
    pub fn finish(&self) {
        let mut queue = self.queue.lock();
        if queue.stage == Stage::Open {
            queue.stage = Stage::Ending;
        }
        drop(queue);
        self.wake.notify_one();
    }

    /// Bytes that wait or are being written.
    pub fn depth_bytes(&self) -> usize {
        self.queue.lock().depth_bytes()
    }

    /// Writes what is queued until the lane is closed or finished, or the stream fails.
    pub async fn write_to(&self, mut stream: quinn::SendStream) {
        let mut batch = Vec::new();
        loop {
            let stage = self.take(&mut batch);
            if stage == Stage::Closed {
                return;
            }
            if !batch.is_empty() {
                if stream.write_all(&batch).await.is_err() {
                    return;
                }
            } else if stage == Stage::Ending {
                // Waits for the peer's acknowledgement. Whatever goes wrong, the lane is over.
                if stream.finish().is_ok() {
                    let _ = stream.stopped().await;
                }
                return;
            } else {
                self.wake.notified().await;
            }
        }
    }

    /// Swaps what waits into `batch`, whose old content has been written.
    fn take(&self, batch: &mut Vec<u8>) -> Stage {
        if batch.capacity() > BUFFER_KEPT_BYTES {
            *batch = Vec::new()
        } else {
            batch.clear()
        }
        let mut queue = self.queue.lock();
        std::mem::swap(&mut queue.waiting.bytes, batch);
        queue.waiting.count = 0;
        queue.writing_bytes = batch.len();
        queue.stage
    }
}

fn append_frame(message: &Stamped, out: &mut Vec<u8>) -> Result<(), LaneError> {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, MESSAGE_VERSION]);
    wire::encode_into(message, out)?;
    let length = out.len() - start - 4;
    if length > MESSAGE_SIZE_MAX_BYTES {
        return Err(LaneError::TooLong(length));
    }
    out[start..start + 4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(())
}

/// Takes the next whole message off the front of `buffer`; `None` until it is all there.
pub fn take_frame(buffer: &mut BytesMut) -> Result<Option<Stamped>, FrameError> {
    let Some(header) = buffer.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
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
    use crate::cluster::LogPosition;
    use crate::message::{ClusterMessage, OperationId, Payload, PeerMessage, ReplicaAnswer, ReplyTo, Stance};

    fn message(epoch: u64) -> Stamped {
        let position = LogPosition { epoch, ..LogPosition::FIRST };
        let message = PeerMessage::Cluster(Stance { cluster_id: None, position }, ClusterMessage::Fetch);
        Stamped { stamp: epoch, message }
    }

    fn data(size_bytes: usize) -> Stamped {
        let reply_to = ReplyTo { operation: OperationId(1), leg: 0 };
        let answer = ReplicaAnswer::Data(Payload(vec![7; size_bytes].into()));
        Stamped { stamp: 1, message: PeerMessage::Answer { reply_to, answer } }
    }

    #[test]
    fn frames_come_back_whole_however_they_are_cut() {
        let mut frames = Frames::default();
        for epoch in [0, 300, u64::MAX] {
            frames.push(&message(epoch)).unwrap();
        }
        assert_eq!(frames.count(), 3);
        let mut buffer = BytesMut::new();
        let mut seen = Vec::new();
        for byte in frames.bytes {
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
        let mut buffer = BytesMut::from(&[0, 0, 0, 0, MESSAGE_VERSION][..]);
        assert!(matches!(take_frame(&mut buffer), Err(FrameError::TooLong(0))));
        let mut buffer = BytesMut::from(&[1, 0, 0, 0, 9, 0][..]);
        assert!(matches!(take_frame(&mut buffer), Err(FrameError::Version(9))));
        let mut buffer = BytesMut::from(&[4, 0, 0, 0, MESSAGE_VERSION, 0xff, 0xff, 0xff][..]);
        assert!(matches!(take_frame(&mut buffer), Err(FrameError::Wire(_))));
    }

    #[test]
    fn a_full_lane_refuses_and_keeps_what_it_has() {
        let lane = LaneQueue::default();
        let mut taken = 0;
        while lane.push(&data(1 << 20)).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, QUEUE_MAX_BYTES >> 20);
        assert!(matches!(lane.push(&message(1)), Err(LaneError::Full)));
        // Being written counts too: a peer that does not read must not double the bound.
        let mut batch = Vec::new();
        lane.take(&mut batch);
        assert!(matches!(lane.push(&message(1)), Err(LaneError::Full)));
        lane.take(&mut batch);
        assert_eq!(lane.depth_bytes(), 0);
        lane.push(&message(1)).unwrap();
    }

    #[test]
    fn what_the_peer_would_refuse_is_not_sent() {
        let lane = LaneQueue::default();
        lane.push(&message(1)).unwrap();
        let before_bytes = lane.depth_bytes();
        assert!(matches!(lane.push(&data(MESSAGE_SIZE_MAX_BYTES)), Err(LaneError::TooLong(_))));
        assert_eq!(lane.depth_bytes(), before_bytes);
        lane.push(&data(MESSAGE_SIZE_MAX_BYTES - 100)).unwrap();
    }

    #[test]
    fn a_closed_lane_takes_nothing() {
        let lane = LaneQueue::default();
        lane.push(&message(1)).unwrap();
        lane.finish();
        assert!(matches!(lane.push(&message(2)), Err(LaneError::Closed)));
        assert!(lane.depth_bytes() > 0);
        lane.close();
        assert_eq!(lane.depth_bytes(), 0);
        lane.finish();
        assert!(matches!(lane.push_frames(&Frames::default()), Err(LaneError::Closed)));
    }
}
