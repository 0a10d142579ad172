//! One client's connection: requests under way up to bounds, answers out in whatever order they come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use parking_lot::Mutex;
use starling_cql_lite::protocol::event::Event;
use starling_cql_lite::protocol::frame::HIGHEST_VERSION;
use starling_cql_lite::protocol::response::{ResponseHead, write_event};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{Notify, watch};

use super::reader::Reader;
use super::{NativeServer, REQUEST_BYTES_TOTAL_MAX, responses};
use crate::assembly::client::{ClientResponse, ClientSink};

/// Requests of one connection under way at a time; beyond it the connection is not read further.
const REQUESTS_UNDER_WAY_MAX: usize = 4_096;
/// Bytes of one connection's requests under way; beyond it the connection is not read further. Bounds: above the
/// largest request.
const REQUEST_BYTES_UNDER_WAY_MAX: usize = 64 << 20;
/// Answers that a client may leave unread, in bytes; beyond it its connection is not read further, and closed if
/// events come on top.
const UNREAD_BYTES_MAX: usize = 64 << 20;

#[derive(Default)]
struct Outgoing {
    bytes: BytesMut,
    closed: bool,
}

/// A connection, as answers find it.
pub struct Connection {
    server: Arc<NativeServer>,
    outgoing: Mutex<Outgoing>,
    /// Something to write.
    wake: Notify,
    under_way: AtomicUsize,
    bytes_under_way: AtomicUsize,
    /// Room for more requests.
    room: Notify,
    /// Nothing reaches the client any more.
    broken: watch::Sender<bool>,
}

/// Counts a connection until reader and writer have ended, however they do.
struct Counted(Arc<NativeServer>);

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
pub fn serve(server: Arc<NativeServer>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let connection = Arc::new(Connection::new(server.clone()));
    server.figures.connections.fetch_add(1, Ordering::Relaxed);
    let counted = Arc::new(Counted(server.clone()));
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
        let mut reader = Reader::new(server, connection, finish);
        reader.run(read).await;
    });
}

async fn write_out(connection: Arc<Connection>, mut stream: OwnedWriteHalf) {
    loop {
        connection.wake.notified().await;
        loop {
            let (batch, closed) = {
                let mut outgoing = connection.outgoing.lock();
                (std::mem::take(&mut outgoing.bytes), outgoing.closed)
            };
            if batch.is_empty() {
                if closed {
                    let _ = stream.shutdown().await;
                    return;
                }
                break;
            }
            connection.room.notify_one();
            if stream.write_all(&batch).await.is_err() {
                connection.break_off();
                return;
            }
        }
    }
}

impl Drop for Connection {
    /// What a reader that panicked never got answered.
    fn drop(&mut self) {
        self.server.figures.request_bytes.fetch_sub(*self.bytes_under_way.get_mut(), Ordering::AcqRel);
    }
}

impl Connection {
    fn new(server: Arc<NativeServer>) -> Self {
        Connection {
            server,
            outgoing: Mutex::default(),
            wake: Notify::new(),
            under_way: AtomicUsize::new(0),
            bytes_under_way: AtomicUsize::new(0),
            room: Notify::new(),
            broken: watch::Sender::new(false),
        }
    }

    pub(super) fn append(&self, write: impl FnOnce(&mut BytesMut)) {
        let mut outgoing = self.outgoing.lock();
        if outgoing.closed {
            return;
        }
        let was_empty = outgoing.bytes.is_empty();
        write(&mut outgoing.bytes);
        drop(outgoing);
        if was_empty {
            self.wake.notify_one();
        }
    }

    /// No answers are taken any more; what is there still goes out.
    fn finish(&self) {
        self.outgoing.lock().closed = true;
        self.wake.notify_one();
    }

    /// Nothing reaches the client any more: what waits is dropped, and reader and writer end.
    fn break_off(&self) {
        let unsent = {
            let mut outgoing = self.outgoing.lock();
            outgoing.closed = true;
            std::mem::take(&mut outgoing.bytes)
        };
        drop(unsent);
        self.broken.send_replace(true);
        self.room.notify_one();
    }

    /// Sends an event. A client that reads none of them cannot be left out silently: its connection is closed.
    pub fn send_event(&self, event: &Event) {
        if self.outgoing.lock().bytes.len() >= UNREAD_BYTES_MAX {
            return self.break_off();
        }
        self.append(|out| write_event(out, HIGHEST_VERSION, event));
    }

    /// Turns true when nothing reaches the client any more.
    pub(super) fn watch_broken(&self) -> watch::Receiver<bool> {
        self.broken.subscribe()
    }

    pub(super) fn is_broken(&self) -> bool {
        *self.broken.borrow()
    }

    pub(super) fn has_room(&self) -> bool {
        self.under_way.load(Ordering::Acquire) < REQUESTS_UNDER_WAY_MAX
            && self.bytes_under_way.load(Ordering::Acquire) < REQUEST_BYTES_UNDER_WAY_MAX
            && self.outgoing.lock().bytes.len() < UNREAD_BYTES_MAX
    }

    pub(super) async fn wait_for_room(&self) {
        while !self.has_room() && !self.is_broken() {
            self.room.notified().await;
        }
    }

    /// Counts a request; `false` if the server has too many bytes of requests under way already.
    pub(super) fn begin(&self, size_bytes: usize) -> bool {
        let total = &self.server.figures.request_bytes;
        let before = total.fetch_add(size_bytes, Ordering::AcqRel);
        if before.saturating_add(size_bytes) > REQUEST_BYTES_TOTAL_MAX {
            total.fetch_sub(size_bytes, Ordering::AcqRel);
            return false;
        }
        self.under_way.fetch_add(1, Ordering::AcqRel);
        self.bytes_under_way.fetch_add(size_bytes, Ordering::AcqRel);
        true
    }

    pub(super) async fn wait_until_idle(&self) {
        while self.under_way.load(Ordering::Acquire) > 0 {
            self.room.notified().await;
        }
    }
}

/// The number of a request: its stream and, above that, its size, which is given back with the answer.
pub(super) fn request_number(stream: i16, size_bytes: usize) -> u64 {
    (size_bytes as u64) << 16 | u64::from(stream as u16)
}

impl ClientSink for Connection {
    fn respond(&self, request: u64, response: ClientResponse) {
        let head = ResponseHead::new(HIGHEST_VERSION, request as u16 as i16);
        self.append(|out| responses::write(out, &head, &response));
        let size_bytes = (request >> 16) as usize;
        self.server.figures.request_bytes.fetch_sub(size_bytes, Ordering::AcqRel);
        let bytes_before = self.bytes_under_way.fetch_sub(size_bytes, Ordering::AcqRel);
        let before = self.under_way.fetch_sub(1, Ordering::AcqRel);
        if before >= REQUESTS_UNDER_WAY_MAX || bytes_before >= REQUEST_BYTES_UNDER_WAY_MAX || before == 1 {
            self.room.notify_one();
        }
    }
}
