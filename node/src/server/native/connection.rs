//! One client's connection: frames in, requests under way up to a bound, answers out in whatever order they
//! come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::protocol::event::Event;
use starling_cql_lite::protocol::frame::{Direction, FrameError, HEADER_BYTES, HIGHEST_VERSION, Header, decode_header};
use starling_cql_lite::protocol::request::{Request, decode_request};
use starling_cql_lite::protocol::response::{
    ResponseHead, write_error, write_event, write_frame_error, write_ready, write_supported,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, watch};

use super::{NativeServer, REQUEST_BYTES_MAX, REQUEST_BYTES_TOTAL_MAX, Stage, requests, responses};
use crate::assembly::client::{ClientResponse, ClientSink, ClientTicket, Session};

/// Requests of one connection under way at a time; beyond it the connection is not read further.
const REQUESTS_UNDER_WAY_MAX: usize = 4_096;
/// Bytes of one connection's requests under way; beyond it the connection is not read further. Bounds: above the
/// largest request.
const REQUEST_BYTES_UNDER_WAY_MAX: usize = 64 << 20;
/// Answers that a client may leave unread, in bytes; beyond it its connection is not read further, and closed if
/// events come on top.
const UNREAD_BYTES_MAX: usize = 64 << 20;
const READ_BUFFER_BYTES: usize = 64 << 10;
/// Options of SUPPORTED.
const SUPPORTED: [(&str, &[&str]); 3] =
    [("CQL_VERSION", &["3.4.7"]), ("COMPRESSION", &[]), ("PROTOCOL_VERSIONS", &["4/v4"])];

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
struct Finish(Arc<Connection>);

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
        let stage = server.stage.subscribe();
        let broken = connection.broken.subscribe();
        let session = Session::default();
        let mut reader =
            Reader { server, connection, session, started: false, stage, broken, skip_bytes: 0, _finish: finish };
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

    fn append(&self, write: impl FnOnce(&mut BytesMut)) {
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

    fn is_broken(&self) -> bool {
        *self.broken.borrow()
    }

    fn has_room(&self) -> bool {
        self.under_way.load(Ordering::Acquire) < REQUESTS_UNDER_WAY_MAX
            && self.bytes_under_way.load(Ordering::Acquire) < REQUEST_BYTES_UNDER_WAY_MAX
            && self.outgoing.lock().bytes.len() < UNREAD_BYTES_MAX
    }

    async fn wait_for_room(&self) {
        while !self.has_room() && !self.is_broken() {
            self.room.notified().await;
        }
    }

    /// Counts a request; `false` if the server has too many bytes of requests under way already.
    fn begin(&self, size_bytes: usize) -> bool {
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

    async fn wait_until_idle(&self) {
        while self.under_way.load(Ordering::Acquire) > 0 {
            self.room.notified().await;
        }
    }
}

/// The number of a request: its stream and, above that, its size, which is given back with the answer.
fn request_number(stream: i16, size_bytes: usize) -> u64 {
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

struct Reader {
    server: Arc<NativeServer>,
    connection: Arc<Connection>,
    session: Session,
    started: bool,
    stage: watch::Receiver<Stage>,
    broken: watch::Receiver<bool>,
    /// What is still to come of a body that was refused for its length.
    skip_bytes: usize,
    _finish: Finish,
}

/// The connection is to be closed.
struct Close;

impl Reader {
    async fn run(&mut self, mut stream: OwnedReadHalf) {
        let mut buffer = BytesMut::with_capacity(READ_BUFFER_BYTES);
        loop {
            loop {
                match self.next_frame(&mut buffer) {
                    Ok(Some((header, body))) => {
                        if self.handle(&header, body).is_err() {
                            return;
                        }
                        if !self.connection.has_room() {
                            self.connection.wait_for_room().await;
                        }
                        if self.connection.is_broken() {
                            return;
                        }
                    }
                    Ok(None) => break,
                    Err(Close) => return,
                }
            }
            buffer.reserve(READ_BUFFER_BYTES);
            let draining = *self.stage.borrow() != Stage::Open;
            if draining {
                let _ = self.stage.wait_for(|s| *s == Stage::Closed).await;
                self.connection.wait_until_idle().await;
                return;
            }
            tokio::select! {
                read = stream.read_buf(&mut buffer) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
                _ = self.stage.changed() => {}
                _ = self.broken.wait_for(|broken| *broken) => return,
            }
        }
    }

    fn next_frame(&mut self, buffer: &mut BytesMut) -> Result<Option<(Header, Bytes)>, Close> {
        let skipped = self.skip_bytes.min(buffer.len());
        buffer.advance(skipped);
        self.skip_bytes -= skipped;
        match decode_header(buffer, Direction::Request, REQUEST_BYTES_MAX) {
            Ok(Some(header)) if buffer.len() >= HEADER_BYTES + header.body_length_bytes => {
                buffer.advance(HEADER_BYTES);
                let body = buffer.split_to(header.body_length_bytes).freeze();
                Ok(Some((header, body)))
            }
            Ok(Some(header)) => {
                // Grow as bytes come, not by what a header claims.
                let missing = HEADER_BYTES + header.body_length_bytes - buffer.len();
                buffer.reserve(missing.min(READ_BUFFER_BYTES * 4));
                Ok(None)
            }
            Ok(None) => Ok(None),
            Err(error) => {
                self.server.figures.protocol_errors.fetch_add(1, Ordering::Relaxed);
                self.connection.append(|out| write_frame_error(out, &error));
                // The end of a body that is too long is known; of all else nothing is.
                let FrameError::BodyTooLong { length, .. } = error else { return Err(Close) };
                let length = usize::try_from(length).ok().filter(|_| self.started).ok_or(Close)?;
                self.skip_bytes = HEADER_BYTES + length;
                self.next_frame(buffer)
            }
        }
    }

    fn handle(&mut self, header: &Header, body: Bytes) -> Result<(), Close> {
        self.server.figures.requests.fetch_add(1, Ordering::Relaxed);
        let head = ResponseHead::new(header.version, header.stream);
        let request = match decode_request(header, &body) {
            Ok(frame) => frame.request,
            Err(error) => {
                self.server.figures.protocol_errors.fetch_add(1, Ordering::Relaxed);
                self.connection.append(|out| write_error(out, &head, &error));
                return Ok(());
            }
        };
        match request {
            Request::Options => self.connection.append(|out| write_supported(out, &head, &SUPPORTED)),
            Request::Startup(_) if self.started => {
                self.refuse(&head, "Unexpected message STARTUP, the connection is already initialized");
            }
            Request::Startup(options) => self.start(&head, &options)?,
            Request::AuthResponse(_) => self.refuse(&head, "Unexpected AUTH_RESPONSE: no authentication is configured"),
            _ if !self.started => {
                self.refuse(&head, "Unexpected message: the connection has to begin with STARTUP or OPTIONS");
                return Err(Close);
            }
            Request::Register(types) => self.register(&head, &types),
            request => {
                if let Some(request) = requests::to_client_request(&body, request) {
                    if !self.connection.begin(body.len()) {
                        let error = CqlError::Overloaded(
                            "Too many bytes of requests are under way on this node; nothing was done".to_owned(),
                        );
                        self.connection.append(|out| write_error(out, &head, &error));
                        return Ok(());
                    }
                    let sink: Arc<dyn ClientSink> = self.connection.clone();
                    let ticket = ClientTicket { sink, request: request_number(header.stream, body.len()) };
                    self.server.node.on_client_request(ticket, &self.session, request);
                }
            }
        }
        Ok(())
    }

    fn refuse(&self, head: &ResponseHead<'_>, message: &str) {
        let error = CqlError::Protocol(message.to_owned());
        self.connection.append(|out| write_error(out, head, &error));
    }

    fn start(&mut self, head: &ResponseHead<'_>, options: &[(&str, &str)]) -> Result<(), Close> {
        let option =
            |name: &str| options.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        if let Some(compression) = option("COMPRESSION").filter(|c| !c.is_empty()) {
            self.refuse(head, &format!("Unknown compression algorithm: {compression}"));
            return Err(Close);
        }
        match option("CQL_VERSION") {
            None => {
                self.refuse(head, "Missing value CQL_VERSION in STARTUP message");
                return Err(Close);
            }
            Some(version) if !(version.starts_with("3.") || version == "4.0.0") => {
                self.refuse(
                    head,
                    &format!("Provided version {version} is not supported by this server (supported: 3.x, 4.0.0)"),
                );
                return Err(Close);
            }
            Some(_) => {}
        }
        self.started = true;
        self.connection.append(|out| write_ready(out, head));
        Ok(())
    }

    fn register(&self, head: &ResponseHead<'_>, types: &[&str]) {
        match types.iter().find(|name| !Event::is_type_name(&name.to_ascii_uppercase())) {
            Some(unknown) => self.refuse(head, &format!("Invalid value '{unknown}' for Type")),
            None => {
                let types = types.iter().map(|name| name.to_ascii_uppercase()).collect();
                self.server.world.listeners.register(&self.connection, types);
                self.connection.append(|out| write_ready(out, head));
            }
        }
    }
}
