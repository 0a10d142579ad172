//! One client's connection: requests under way up to bounds, answers out in whatever order they come.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use parking_lot::Mutex;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::protocol::event::Event;
use starling_cql_lite::protocol::response::{ResponseHead, write_error, write_event};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::budget::{Budget, has_little_unread};
use super::outgoing::{Batch, Form, Outgoing};
use super::reader::Reader;
use super::{NativeServer, responses};
use crate::assembly::client::{ClientRequest, ClientResponse, ClientSink};

/// Requests of one connection under way at a time; beyond it the connection is not read further.
const REQUESTS_UNDER_WAY_MAX: usize = 4_096;
/// Bytes of one connection's requests under way; beyond it the connection is not read further. One request is taken
/// in whatever its size.
const REQUEST_BYTES_UNDER_WAY_MAX: usize = 8 << 20;
/// Answers that a client may leave unread before its connection is not read further, those of requests under way
/// included as far as they can be guessed; bytes.
const UNREAD_BYTES_SOFT_MAX: usize = 8 << 20;
/// Between two looks for memory that other connections give back: at first, and at most. Longer costs a waiting client
/// time, shorter costs processor time while many wait.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(2);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(100);
/// How long a connection whose answers have been large waits for room for another before it may try all the same.
const ONE_AT_A_TIME_AFTER: Duration = Duration::from_secs(1);
/// A client that takes not one byte of its answers for so long is disconnected.
const WRITE_STALL: Duration = Duration::from_secs(60);

/// A connection, as answers find it.
pub struct Connection {
    server: Arc<NativeServer>,
    outgoing: Mutex<Outgoing>,
    /// Something to write.
    wake: Notify,
    /// Protocol version; of errors before STARTUP too.
    version: AtomicU8,
    under_way: AtomicUsize,
    bytes_under_way: AtomicUsize,
    /// What the last answers took, in bytes: large ones are remembered for a while.
    answer_bytes_guess: AtomicUsize,
    /// The client's address.
    peer: Option<IpAddr>,
    /// Traces of requests under way, by stream.
    traces: Mutex<HashMap<i16, Uuid>>,
    /// Room for more requests.
    room: Notify,
    /// Nothing reaches the client any more.
    broken: watch::Sender<bool>,
}

/// How long to wait until the next look for room.
pub(super) struct Patience {
    next: Duration,
    waited: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { next: LOOK_AGAIN_MIN, waited: Duration::ZERO }
    }
}

impl Patience {
    pub(super) fn next(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(LOOK_AGAIN_MAX);
        self.waited += now;
        now
    }
}

/// Counts a connection until reader and writer have ended, however they do.
pub(super) struct Counted(Arc<NativeServer>);

impl Counted {
    pub(super) fn new(server: Arc<NativeServer>) -> Arc<Self> {
        server.figures.connections.fetch_add(1, Ordering::Relaxed);
        server.figures.accepted.fetch_add(1, Ordering::Relaxed);
        Arc::new(Counted(server))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.figures.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends the answers of a connection when its reader ends, also by a panic.
pub(super) struct Finish(Arc<Connection>);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// Serves a connection until it ends.
pub(super) fn serve_stream<R, W>(
    server: Arc<NativeServer>,
    counted: Arc<Counted>,
    peer: Option<IpAddr>,
    read: R,
    write: W,
) where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let connection = Arc::new(Connection::new(server.clone(), peer));
    let (finish, mut broken) = (Finish(connection.clone()), connection.broken.subscribe());
    tokio::spawn({
        let (connection, counted) = (connection.clone(), counted.clone());
        async move {
            let _counted = counted;
            tokio::select! {
                () = write_out(connection, write) => {}
                // A client that reads nothing must not hold up the end.
                _ = broken.wait_for(|broken| *broken) => {}
            }
        }
    });
    tokio::spawn(async move {
        let _counted = counted;
        Reader::new(server, connection, finish).run(read).await;
    });
}

/// What the writer is to do.
enum ToWrite {
    Batch(Batch),
    Nothing,
    End,
}

async fn write_out<W: AsyncWrite + Unpin>(connection: Arc<Connection>, mut stream: W) {
    loop {
        connection.wake.notified().await;
        loop {
            let batch = match connection.next_batch() {
                ToWrite::Batch(batch) => batch,
                ToWrite::Nothing => break,
                ToWrite::End => {
                    let _ = tokio::time::timeout(WRITE_STALL, stream.shutdown()).await;
                    return;
                }
            };
            let size_bytes = batch.frames_bytes();
            let encoded = batch.encode();
            connection.server.figures.sent_bytes.fetch_add(encoded.len() as u64, Ordering::Relaxed);
            let is_written = write_all(&mut stream, encoded).await;
            connection.written(size_bytes);
            if !is_written {
                connection.break_off();
                return;
            }
        }
    }
}

async fn write_all<W: AsyncWrite + Unpin>(stream: &mut W, mut bytes: BytesMut) -> bool {
    while !bytes.is_empty() {
        match tokio::time::timeout(WRITE_STALL, stream.write_buf(&mut bytes)).await {
            Ok(Ok(count)) if count > 0 => {}
            _ => return false,
        }
    }
    // A TLS stream may hold some back.
    matches!(tokio::time::timeout(WRITE_STALL, stream.flush()).await, Ok(Ok(())))
}

impl Drop for Connection {
    /// What a reader that panicked never got answered, and what was never written.
    fn drop(&mut self) {
        self.server.world.listeners.forget(self);
        let budget = &self.server.budget;
        budget.end(*self.bytes_under_way.get_mut());
        budget.written(self.outgoing.get_mut().unread_bytes());
    }
}

impl Connection {
    fn new(server: Arc<NativeServer>, peer: Option<IpAddr>) -> Self {
        Connection {
            server,
            outgoing: Mutex::default(),
            wake: Notify::new(),
            version: AtomicU8::new(0),
            under_way: AtomicUsize::new(0),
            bytes_under_way: AtomicUsize::new(0),
            answer_bytes_guess: AtomicUsize::new(0),
            peer,
            traces: Mutex::default(),
            room: Notify::new(),
            broken: watch::Sender::new(false),
        }
    }

    fn next_batch(&self) -> ToWrite {
        let mut outgoing = self.outgoing.lock();
        match (outgoing.is_empty(), outgoing.is_closed) {
            (false, _) => ToWrite::Batch(outgoing.take()),
            (true, false) => ToWrite::Nothing,
            (true, true) => ToWrite::End,
        }
    }

    fn budget(&self) -> &Budget {
        &self.server.budget
    }

    /// Adds a frame that is small or cannot be left out.
    pub(super) fn append(&self, write: impl FnOnce(&mut BytesMut)) {
        self.append_and(write, |_| {});
    }

    fn append_and(&self, write: impl FnOnce(&mut BytesMut), then: impl FnOnce(&mut Outgoing)) {
        let mut outgoing = self.outgoing.lock();
        if outgoing.is_closed {
            return;
        }
        let was_empty = outgoing.is_empty();
        let before = outgoing.frames().len();
        write(outgoing.frames());
        let added = outgoing.frames().len() - before;
        then(&mut outgoing);
        // Before the writer can have written it.
        self.budget().answer(added);
        drop(outgoing);
        if was_empty {
            self.wake.notify_one();
        }
    }

    /// Adds the answer to STARTUP; what comes after travels in another form.
    pub(super) fn start(&self, version: u8, form: Form, write: impl FnOnce(&mut BytesMut)) {
        self.version.store(version, Ordering::Relaxed);
        self.server.figures.sessions[form.index()].fetch_add(1, Ordering::Relaxed);
        self.append_and(write, |outgoing| outgoing.switch_to(form));
    }

    /// Adds an answer, or where it would take too much memory, OVERLOADED.
    fn append_answer(&self, head: &ResponseHead<'_>, response: &ClientResponse) {
        let mut outgoing = self.outgoing.lock();
        if outgoing.is_closed {
            return;
        }
        let (was_empty, held) = (outgoing.is_empty(), outgoing.unread_bytes());
        let frames = outgoing.frames();
        let before = frames.len();
        responses::write(frames, head, response);
        let mut added = frames.len() - before;
        let guess = self.answer_bytes_guess.load(Ordering::Relaxed);
        self.answer_bytes_guess.store(added.max(guess - guess / 16), Ordering::Relaxed);
        if !self.budget().try_answer(held, added) {
            frames.truncate(before);
            let message = "Too many bytes of answers wait to be read from this node: this one was dropped";
            write_error(frames, head, &CqlError::Overloaded(message.to_owned()));
            added = frames.len() - before;
            self.budget().answer(added);
            self.server.figures.answers_dropped.fetch_add(1, Ordering::Relaxed);
        }
        drop(outgoing);
        if was_empty {
            self.wake.notify_one();
        }
    }

    /// A batch is with the socket, or never will be.
    fn written(&self, size_bytes: usize) {
        let mut outgoing = self.outgoing.lock();
        outgoing.in_writing_bytes = 0;
        drop(outgoing);
        self.budget().written(size_bytes);
        self.room.notify_one();
    }

    /// No answers are taken any more; what is there still goes out.
    fn finish(&self) {
        self.outgoing.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// Nothing reaches the client any more: what waits is dropped, and reader and writer end.
    fn break_off(&self) {
        let unsent = {
            let mut outgoing = self.outgoing.lock();
            outgoing.is_closed = true;
            std::mem::take(outgoing.frames())
        };
        self.budget().written(unsent.len());
        drop(unsent);
        self.broken.send_replace(true);
        self.room.notify_one();
    }

    /// Sends an event. A client that reads none of them cannot be left out silently: its connection is closed.
    pub fn send_event(&self, event: &Event) {
        let held = self.outgoing.lock().unread_bytes();
        if !has_little_unread(held) && !self.budget().has_room_for_answers(held) {
            return self.break_off();
        }
        let version = self.version.load(Ordering::Relaxed);
        self.append(|out| write_event(out, version, event));
    }

    /// Turns true when nothing reaches the client any more.
    pub(super) fn watch_broken(&self) -> watch::Receiver<bool> {
        self.broken.subscribe()
    }

    pub(super) fn is_broken(&self) -> bool {
        *self.broken.borrow()
    }

    /// Whether one more request of that size is within this connection's bounds.
    fn has_room(&self, size_bytes: usize, patience: &Patience) -> bool {
        let under_way = self.under_way.load(Ordering::Acquire);
        let unread = self.outgoing.lock().unread_bytes();
        let guess = self.answer_bytes_guess.load(Ordering::Relaxed);
        // Whatever the others do, it can ask one thing at a time; if answers have been large, not all the time.
        if under_way == 0 && unread == 0 && (has_little_unread(guess) || patience.waited >= ONE_AT_A_TIME_AFTER) {
            return true;
        }
        let to_come = (under_way + 1).saturating_mul(guess);
        let answers = unread.saturating_add(to_come);
        let is_busy = under_way > 0 || unread > 0;
        if is_busy && answers >= UNREAD_BYTES_SOFT_MAX || !self.budget().has_room_for_answers(answers) {
            return false;
        }
        under_way == 0
            || under_way < REQUESTS_UNDER_WAY_MAX
                && self.bytes_under_way.load(Ordering::Acquire) + size_bytes <= REQUEST_BYTES_UNDER_WAY_MAX
    }

    /// Begins to trace a request.
    pub(super) fn begin_trace(&self, stream: i16, request: &ClientRequest) {
        let id = self.server.node.begin_trace(self.peer, request);
        self.traces.lock().insert(stream, id);
    }

    /// Counts a request if there is room for it; whoever gets `false` does nothing of it.
    pub(super) fn try_begin(&self, size_bytes: usize, patience: &Patience) -> bool {
        let held_bytes = self.bytes_under_way.load(Ordering::Acquire);
        if !self.has_room(size_bytes, patience) || !self.budget().try_begin(held_bytes, size_bytes) {
            return false;
        }
        self.under_way.fetch_add(1, Ordering::AcqRel);
        self.bytes_under_way.fetch_add(size_bytes, Ordering::AcqRel);
        true
    }

    /// A request that was begun has ended.
    pub(super) fn end(&self, size_bytes: usize) {
        self.budget().end(size_bytes);
        self.bytes_under_way.fetch_sub(size_bytes, Ordering::AcqRel);
        self.under_way.fetch_sub(1, Ordering::AcqRel);
        self.room.notify_one();
    }

    /// Waits until something has changed that may have made room. `patience` grows from look to look.
    pub(super) async fn room_changed(&self, patience: &mut Patience) {
        // Room that other connections make is not told.
        let _ = tokio::time::timeout(patience.next(), self.room.notified()).await;
    }

    pub(super) async fn wait_until_idle(&self) {
        while self.under_way.load(Ordering::Acquire) > 0 {
            self.room.notified().await;
        }
    }
}

/// The number of a request: its stream, whether the client wants a trace and whether it is told a stamp, and the request's
/// size, which is given back with the answer.
pub(super) fn request_number(stream: i16, is_traced: bool, is_stamped: bool, size_bytes: usize) -> u64 {
    (size_bytes as u64) << 18 | u64::from(is_stamped) << 17 | u64::from(is_traced) << 16 | u64::from(stream as u16)
}

impl ClientSink for Connection {
    fn respond(&self, request: u64, response: ClientResponse) {
        let stream = request as u16 as i16;
        let mut head = ResponseHead::new(self.version.load(Ordering::Relaxed), stream);
        if request >> 16 & 1 == 1 {
            // Of two requests with one stream the later one's trace is known.
            head.tracing_id = self.traces.lock().remove(&stream);
            if let Some(id) = head.tracing_id {
                self.server.node.end_trace(id);
            }
        }
        if request >> 17 & 1 == 1 {
            // Whatever the answer tells of was stamped before.
            head.stamp = Some(self.server.node.last_stamp());
        }
        self.append_answer(&head, &response);
        drop(response);
        self.end((request >> 18) as usize);
    }
}
