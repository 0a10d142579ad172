//! Stream ids of one connection: which are free, and who waits for the answer to each.

use crate::wire::RawReply;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// What a waiting request is told: the answer, or why there will be none.
pub(crate) type Answer = Result<RawReply, String>;

/// One waiting request. The permit is given back with the stream id, so an id whose request gave up stays taken until
/// its answer comes.
struct Waiting {
    answer: oneshot::Sender<Answer>,
    _permit: OwnedSemaphorePermit,
}

/// The table of streams.
#[derive(Default)]
pub(crate) struct Streams {
    waiting: Vec<Option<Waiting>>,
    free: Vec<i16>,
    /// Why the connection is closed, once it is.
    closed: Option<String>,
}

impl Streams {
    /// Takes a stream id; the permits keep them below 32768. Fails with the reason if the connection is closed.
    pub fn take(&mut self, permit: OwnedSemaphorePermit) -> Result<(i16, oneshot::Receiver<Answer>), String> {
        if let Some(reason) = &self.closed {
            return Err(reason.clone());
        }
        let stream = match self.free.pop() {
            Some(stream) => stream,
            None => {
                let stream = i16::try_from(self.waiting.len()).map_err(|_| "no stream id is free".to_owned())?;
                self.waiting.push(None);
                stream
            }
        };
        let (answer, receiver) = oneshot::channel();
        if let Some(slot) = usize::try_from(stream).ok().and_then(|index| self.waiting.get_mut(index)) {
            *slot = Some(Waiting { answer, _permit: permit });
        }
        Ok((stream, receiver))
    }

    /// Hands over an answer. False if nobody ever asked on this stream.
    pub fn complete(&mut self, stream: i16, reply: RawReply) -> bool {
        let slot = usize::try_from(stream).ok().and_then(|index| self.waiting.get_mut(index));
        let Some(waiting) = slot.and_then(Option::take) else {
            return false;
        };
        self.free.push(stream);
        // The request may have given up meanwhile: its answer has nobody to go to.
        let _ = waiting.answer.send(Ok(reply));
        true
    }

    /// Frees a stream on which nothing was sent.
    pub fn give_back(&mut self, stream: i16) {
        let slot = usize::try_from(stream).ok().and_then(|index| self.waiting.get_mut(index));
        if slot.is_some_and(|slot| slot.take().is_some()) {
            self.free.push(stream);
        }
    }

    /// Closes for good: everybody who waits is told why. Only the first reason counts.
    pub fn close(&mut self, reason: &str) {
        if self.closed.is_some() {
            return;
        }
        self.closed = Some(reason.to_owned());
        for waiting in self.waiting.iter_mut().filter_map(Option::take) {
            let _ = waiting.answer.send(Err(reason.to_owned()));
        }
    }

    /// Whether the connection is closed.
    pub fn is_closed(&self) -> bool {
        self.closed.is_some()
    }
}
