//! One client's connection: frames in, requests under way up to a bound, answers out in whatever order they
//! come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::protocol::event::Event;
use starling_cql_lite::protocol::frame::{Direction, HEADER_BYTES, HIGHEST_VERSION, Header, decode_header};
use starling_cql_lite::protocol::request::{Request, decode_request};
use starling_cql_lite::protocol::response::{
    ResponseHead, write_error, write_event, write_frame_error, write_ready, write_supported,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, watch};

use super::{NativeServer, REQUEST_BYTES_MAX, Stage, requests, responses};
use crate::assembly::client::{ClientResponse, ClientSink, ClientTicket, Session};

/// Requests of one connection under way at a time; beyond it the connection is not read further.
const REQUESTS_UNDER_WAY_MAX: usize = 4_096;
/// Answers that a client may leave unread, in bytes; beyond it its connection is not read further.
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
    outgoing: Mutex<Outgoing>,
    /// Something to write.
    wake: Notify,
    under_way: AtomicUsize,
    /// Room for more requests.
    room: Notify,
}

/// Serves a connection until it ends.
pub fn serve(server: Arc<NativeServer>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let connection = Arc::new(Connection {
        outgoing: Mutex::default(),
        wake: Notify::new(),
        under_way: AtomicUsize::new(0),
        room: Notify::new(),
    });
    server.figures.connections.fetch_add(1, Ordering::Relaxed);
    let writer = tokio::spawn(write_out(connection.clone(), write));
    tokio::spawn(async move {
        let mut reader = Reader {
            server: server.clone(),
            connection: connection.clone(),
            session: Session::default(),
            started: false,
            stage: server.stage.subscribe(),
        };
        reader.run(read).await;
        connection.finish();
        let _ = writer.await;
        server.figures.connections.fetch_sub(1, Ordering::Relaxed);
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
                connection.finish();
                connection.outgoing.lock().bytes.clear();
                return;
            }
        }
    }
}

impl Connection {
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

    /// Sends an event.
    pub fn send_event(&self, event: &Event) {
        self.append(|out| write_event(out, HIGHEST_VERSION, event));
    }

    fn has_room(&self) -> bool {
        self.under_way.load(Ordering::Acquire) < REQUESTS_UNDER_WAY_MAX
            && self.outgoing.lock().bytes.len() < UNREAD_BYTES_MAX
    }

    async fn wait_for_room(&self) {
        while !self.has_room() {
            self.room.notified().await;
        }
    }

    async fn wait_until_idle(&self) {
        while self.under_way.load(Ordering::Acquire) > 0 {
            self.room.notified().await;
        }
    }
}

impl ClientSink for Connection {
    fn respond(&self, request: u64, response: ClientResponse) {
        let head = ResponseHead::new(HIGHEST_VERSION, request as u16 as i16);
        self.append(|out| responses::write(out, &head, &response));
        let before = self.under_way.fetch_sub(1, Ordering::AcqRel);
        if before >= REQUESTS_UNDER_WAY_MAX || before == 1 {
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
            }
        }
    }

    fn next_frame(&self, buffer: &mut BytesMut) -> Result<Option<(Header, Bytes)>, Close> {
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
                Err(Close)
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
            Request::Startup(options) => self.start(&head, &options)?,
            Request::AuthResponse(_) => self.refuse(&head, "Unexpected AUTH_RESPONSE: no authentication is configured"),
            _ if !self.started => {
                self.refuse(&head, "Unexpected message: the connection has to begin with STARTUP or OPTIONS");
                return Err(Close);
            }
            Request::Register(types) => self.register(&head, &types),
            request => {
                if let Some(request) = requests::to_client_request(&body, request) {
                    self.connection.under_way.fetch_add(1, Ordering::AcqRel);
                    let sink: Arc<dyn ClientSink> = self.connection.clone();
                    let ticket = ClientTicket { sink, request: u64::from(header.stream as u16) };
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
        match types.iter().find(|name| !Event::is_type_name(name)) {
            Some(unknown) => self.refuse(head, &format!("Invalid value '{unknown}' for Type")),
            None => {
                let types = types.iter().map(|name| (*name).to_owned()).collect();
                self.server.world.listeners.register(&self.connection, types);
                self.connection.append(|out| write_ready(out, head));
            }
        }
    }
}
