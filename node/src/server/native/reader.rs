//! The reading end of a connection: frames in, cheap ones answered here, requests handed to the node.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Buf, Bytes, BytesMut};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::protocol::event::Event;
use starling_cql_lite::protocol::frame::{Direction, FrameError, HEADER_BYTES, Header, decode_header};
use starling_cql_lite::protocol::request::{Request, decode_request};
use starling_cql_lite::protocol::response::{
    ResponseHead, write_error, write_frame_error, write_ready, write_supported,
};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::watch;

use super::connection::{Connection, Finish, request_number};
use super::{NativeServer, REQUEST_BYTES_MAX, Stage, requests};
use crate::assembly::client::{ClientSink, ClientTicket, Session};

const READ_BUFFER_BYTES: usize = 64 << 10;
/// Options of SUPPORTED.
const SUPPORTED: [(&str, &[&str]); 3] =
    [("CQL_VERSION", &["3.4.7"]), ("COMPRESSION", &[]), ("PROTOCOL_VERSIONS", &["4/v4"])];

/// Reads one connection.
pub(super) struct Reader {
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
    pub(super) fn new(server: Arc<NativeServer>, connection: Arc<Connection>, finish: Finish) -> Self {
        let (stage, broken) = (server.stage.subscribe(), connection.watch_broken());
        let session = Session::default();
        Reader { server, connection, session, started: false, stage, broken, skip_bytes: 0, _finish: finish }
    }

    /// Reads until the client leaves, is refused, or the server closes.
    pub(super) async fn run(&mut self, mut stream: OwnedReadHalf) {
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
