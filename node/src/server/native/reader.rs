//! The reading half of a connection: bytes to frames, frames to requests.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use starling_cql_lite::protocol::compression::{Compression, announced_length, decompress_body};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::protocol::event::Event;
use starling_cql_lite::protocol::frame::{FLAG_COMPRESSION, FrameError, Header, LOWEST_VERSION};
use starling_cql_lite::protocol::request::{Request, decode_request};
use starling_cql_lite::protocol::response::{
    ResponseHead, write_error, write_frame_error, write_ready, write_supported,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;
use tokio::time::Instant;

use super::budget::Reservation;
use super::connection::{Connection, Finish, Patience, request_number};
use super::inbound::{Broken, Inbound, Next};
use super::outgoing::Form;
use super::{NativeServer, Stage, handshake, requests};
use crate::assembly::client::{ClientSink, ClientTicket, Session};

/// Read at a time from a connection on which little comes; an idle connection holds no more. Bytes.
const SIP_BYTES: usize = 2 << 10;
/// Read at a time from a connection on which much comes. Bytes.
const GULP_BYTES: usize = 64 << 10;
/// A frame up to this size needs no memory set aside while it comes in. Bytes.
const SMALL_FRAME_BYTES: usize = 16 << 10;
/// Requests above this size are taken apart and planned a few at a time, since that can take many times their size for
/// a moment, and long. Bytes.
const LARGE_REQUEST_BYTES: usize = 64 << 10;
/// What a connection does in one turn before others have theirs: frames, and what a request to the node counts for.
const TURN_FRAMES: u32 = 128;
const REQUEST_IN_FRAMES: u32 = 8;
/// A connection begins with STARTUP within this time.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// A frame that has begun goes on by `PROGRESS_BYTES` within this time, and finds memory within it.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(30);
/// See `PROGRESS_TIMEOUT`; bytes.
const PROGRESS_BYTES: usize = 64 << 10;

/// Reads one connection.
pub(super) struct Reader {
    server: Arc<NativeServer>,
    connection: Arc<Connection>,
    session: Session,
    inbound: Inbound,
    /// Version of all frames, once STARTUP has come.
    version: Option<u8>,
    compression: Option<Compression>,
    throws_on_overload: bool,
    stage: watch::Receiver<Stage>,
    broken: watch::Receiver<bool>,
    /// Memory for a frame that has come in part.
    reservation: Reservation,
    /// Bytes that a read may bring.
    appetite_bytes: usize,
    /// Until when more has to come.
    deadline: Option<Instant>,
    /// Bytes that have come since the deadline was set.
    progress_bytes: usize,
    /// What is left of this turn.
    turn_frames: u32,
    _finish: Finish,
}

/// The connection is to be closed.
struct Close;

impl Reader {
    pub(super) fn new(server: Arc<NativeServer>, connection: Arc<Connection>, finish: Finish) -> Self {
        Reader {
            session: Session::default(),
            inbound: Inbound::plain(server.limits.frame_bytes),
            version: None,
            compression: None,
            throws_on_overload: false,
            stage: server.stage.subscribe(),
            broken: connection.watch_broken(),
            reservation: Reservation::new(server.budget.clone()),
            appetite_bytes: SIP_BYTES,
            deadline: Some(Instant::now() + HANDSHAKE_TIMEOUT),
            progress_bytes: 0,
            turn_frames: TURN_FRAMES,
            server,
            connection,
            _finish: finish,
        }
    }

    /// Reads until the client leaves, is refused, or the server closes.
    pub(super) async fn run<R: AsyncRead + Unpin>(&mut self, mut stream: R) {
        let mut buffer = BytesMut::new();
        while self.take_frames(&mut buffer).await.is_ok() {
            let draining = *self.stage.borrow() != Stage::Open;
            if draining {
                let _ = self.stage.wait_for(|s| *s == Stage::Closed).await;
                self.connection.wait_until_idle().await;
                return;
            }
            let (deadline, appetite_bytes) = (self.deadline, self.appetite_bytes);
            let read = tokio::select! {
                read = sip(&mut stream, &mut buffer, appetite_bytes) => read,
                _ = self.stage.changed() => continue,
                _ = self.broken.wait_for(|broken| *broken) => return,
                () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    self.server.figures.timeouts.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            };
            match read {
                Ok(0) | Err(_) => return,
                Ok(count) => self.note_read(count),
            }
        }
    }

    fn note_read(&mut self, count: usize) {
        self.server.figures.received_bytes.fetch_add(count as u64, Ordering::Relaxed);
        self.appetite_bytes = match count {
            _ if count >= self.appetite_bytes => (self.appetite_bytes * 4).min(GULP_BYTES),
            _ if count < SIP_BYTES => SIP_BYTES,
            _ => self.appetite_bytes,
        };
        self.progress_bytes += count;
        if self.version.is_some() && self.progress_bytes >= PROGRESS_BYTES {
            self.deadline = None;
        }
    }

    /// Takes all frames that the buffer holds.
    async fn take_frames(&mut self, buffer: &mut BytesMut) -> Result<(), Close> {
        loop {
            match self.inbound.next(buffer, self.reservation.bytes().max(SMALL_FRAME_BYTES)) {
                Ok(Next::Frame(header, body)) => {
                    if self.version.is_some() {
                        self.deadline = None;
                    }
                    self.handle(header, body).await?;
                    self.reservation.release();
                    self.end_turn().await;
                    if self.connection.is_broken() {
                        return Err(Close);
                    }
                }
                Ok(Next::Memory { held_bytes, stream }) => {
                    if self.reserve(held_bytes, stream, buffer).await? {
                        self.inbound.make_room();
                    }
                }
                Ok(Next::More { held_bytes, buffer_bytes, stream }) => {
                    if held_bytes > SMALL_FRAME_BYTES && !self.reserve(held_bytes, stream, buffer).await? {
                        continue;
                    }
                    self.expect_more(buffer, buffer_bytes, held_bytes > 0);
                    return Ok(());
                }
                Ok(Next::Refused(error)) => {
                    self.count_protocol_error();
                    let head = ResponseHead::new(self.version.unwrap_or(LOWEST_VERSION), error.stream());
                    self.connection.append(|out| write_error(out, &head, &error.to_cql_error()));
                    // Before STARTUP nothing large has to be said.
                    self.version.ok_or(Close)?;
                }
                Err(Broken::Frame(error)) => {
                    self.count_protocol_error();
                    self.connection.append(|out| match (&error, self.version) {
                        (FrameError::UnsupportedVersion { .. }, _) | (_, None) => write_frame_error(out, &error),
                        (_, Some(version)) => {
                            let head = ResponseHead::new(version, error.stream());
                            write_error(out, &head, &error.to_cql_error());
                        }
                    });
                    return Err(Close);
                }
                Err(Broken::Segment(error)) => {
                    self.refuse(&ResponseHead::new(self.version.unwrap_or(5), 0), &error.to_string());
                    return Err(Close);
                }
            }
        }
    }

    /// Lets others have their turn after a while.
    async fn end_turn(&mut self) {
        self.turn_frames = self.turn_frames.saturating_sub(1);
        if self.turn_frames == 0 {
            self.turn_frames = TURN_FRAMES;
            tokio::task::yield_now().await;
        }
    }

    /// Prepares for the rest of what has come in part.
    fn expect_more(&mut self, buffer: &mut BytesMut, buffer_bytes: usize, is_inside: bool) {
        if buffer.is_empty() {
            // An idle connection holds no buffer.
            *buffer = BytesMut::new();
        } else if buffer_bytes > SMALL_FRAME_BYTES && buffer.capacity() < buffer_bytes {
            let mut larger = BytesMut::with_capacity(buffer_bytes);
            larger.extend_from_slice(buffer);
            *buffer = larger;
        }
        if is_inside && self.deadline.is_none() {
            self.deadline = Some(Instant::now() + PROGRESS_TIMEOUT);
            self.progress_bytes = 0;
        }
    }

    /// Sets memory aside for a large frame. `false` if there is none and the frame is given up.
    async fn reserve(&mut self, held_bytes: usize, stream: i16, buffer: &mut BytesMut) -> Result<bool, Close> {
        // Before STARTUP nothing large has to be said.
        let version = self.version.ok_or(Close)?;
        let give_up_at = Instant::now() + PROGRESS_TIMEOUT;
        let mut patience = Patience::default();
        while !self.reservation.try_grow_to(held_bytes) {
            if self.connection.is_broken() {
                return Err(Close);
            }
            if self.throws_on_overload || Instant::now() >= give_up_at {
                self.overloaded(&ResponseHead::new(version, stream));
                self.reservation.release();
                return if self.inbound.give_up(buffer) { Ok(false) } else { Err(Close) };
            }
            tokio::time::sleep(patience.next()).await;
            // It was not the client who was slow.
            self.deadline = None;
        }
        Ok(true)
    }

    async fn handle(&mut self, mut header: Header, body: Bytes) -> Result<(), Close> {
        self.server.figures.requests.fetch_add(1, Ordering::Relaxed);
        let head = ResponseHead::new(header.version, header.stream);
        if let Some(version) = self.version.filter(|version| *version != header.version) {
            let message = format!(
                "Invalid message version. Got {0}/v{0} but previous messages on this connection had version \
                 {version}/v{version}",
                header.version
            );
            self.refuse(&head, &message);
            return Err(Close);
        }
        let compression = self.compression.filter(|_| header.version < 5 && header.flags & FLAG_COMPRESSION != 0);
        if header.version >= 5 || compression.is_some() {
            // From version 5 on segments are compressed, and the flag means nothing.
            header.flags &= !FLAG_COMPRESSION;
        }
        let limit_bytes = self.server.limits.frame_bytes;
        let size_bytes = match compression.map(|compression| announced_length(compression, &body, limit_bytes)) {
            None => body.len(),
            // Its compressed form is dropped before anything else happens.
            Some(Ok(length)) => length,
            Some(Err(error)) => {
                self.refuse(&head, &format!("The body cannot be decompressed: {error}"));
                return Ok(());
            }
        };
        if !self.admit(size_bytes).await? {
            self.overloaded(&head);
            return Ok(());
        }
        // Whoever has this permit waits for nothing.
        let _permit = match size_bytes > LARGE_REQUEST_BYTES {
            true => self.server.large_requests.clone().acquire_owned().await.ok(),
            false => None,
        };
        let body = match compression.map(|compression| decompress_body(compression, &body, limit_bytes)) {
            None => body,
            Some(Ok(plain)) => Bytes::from(plain),
            Some(Err(error)) => {
                self.connection.end(size_bytes);
                self.refuse(&head, &format!("The body cannot be decompressed: {error}"));
                return Ok(());
            }
        };
        // From here on it counts as a request under way.
        self.reservation.release();
        self.answer(&header, &body, size_bytes)
    }

    /// Counts a request, once there is room for it; `false` if there is none and the client does not want to wait.
    async fn admit(&self, size_bytes: usize) -> Result<bool, Close> {
        let mut patience = Patience::default();
        while !self.connection.try_begin(size_bytes, &patience) {
            if self.throws_on_overload {
                return Ok(false);
            }
            if self.connection.is_broken() {
                return Err(Close);
            }
            self.connection.room_changed(&mut patience).await;
        }
        Ok(true)
    }

    /// Answers a request that was begun, or hands it to the node.
    fn answer(&mut self, header: &Header, body: &Bytes, size_bytes: usize) -> Result<(), Close> {
        let head = ResponseHead::new(header.version, header.stream);
        let frame = match decode_request(header, body) {
            Ok(frame) => frame,
            Err(error) => {
                self.connection.end(size_bytes);
                self.count_protocol_error();
                self.connection.append(|out| write_error(out, &head, &error));
                return Ok(());
            }
        };
        let (is_traced, stamp) = (frame.tracing, frame.stamp);
        let outcome = match frame.request {
            request if self.version.is_some() && requests::is_for_node(&request) => {
                let sink: Arc<dyn ClientSink> = self.connection.clone();
                let number = request_number(header.stream, is_traced, stamp.is_some(), size_bytes);
                let ticket = ClientTicket { sink, request: number };
                self.turn_frames = self.turn_frames.saturating_sub(REQUEST_IN_FRAMES).max(1);
                let request = requests::to_client_request(header.version, body, stamp, request);
                if let Some(request) = request {
                    if is_traced {
                        self.connection.begin_trace(header.stream, &request);
                    }
                    self.server.node.on_client_request(ticket, &self.session, request);
                }
                return Ok(());
            }
            Request::Options => {
                let supported = handshake::supported(header.version);
                self.connection.append(|out| write_supported(out, &head, &supported));
                Ok(())
            }
            Request::Startup(_) if self.version.is_some() => {
                self.refuse(&head, "Unexpected message STARTUP, the connection is already initialized");
                Ok(())
            }
            Request::Startup(options) => self.start(&head, &options),
            Request::AuthResponse(_) => {
                self.refuse(&head, "Unexpected AUTH_RESPONSE: no authentication is configured");
                Ok(())
            }
            Request::Register(types) if self.version.is_some() => {
                self.register(&head, &types);
                Ok(())
            }
            _ => {
                self.refuse(&head, "Unexpected message: the connection has to begin with STARTUP or OPTIONS");
                Err(Close)
            }
        };
        self.connection.end(size_bytes);
        outcome
    }

    fn count_protocol_error(&self) {
        self.server.figures.protocol_errors.fetch_add(1, Ordering::Relaxed);
    }

    fn refuse(&self, head: &ResponseHead<'_>, message: &str) {
        self.count_protocol_error();
        let error = CqlError::Protocol(message.to_owned());
        self.connection.append(|out| write_error(out, head, &error));
    }

    fn overloaded(&self, head: &ResponseHead<'_>) {
        self.server.figures.overloaded.fetch_add(1, Ordering::Relaxed);
        let message = "Too many bytes of requests are under way on this node; nothing was done";
        self.connection.append(|out| write_error(out, head, &CqlError::Overloaded(message.to_owned())));
    }

    fn start(&mut self, head: &ResponseHead<'_>, options: &[(&str, &str)]) -> Result<(), Close> {
        let agreed = handshake::agree(head.version, options).map_err(|message| {
            self.refuse(head, &message);
            Close
        })?;
        match agreed.form {
            Form::Plain => {}
            Form::Compressed(compression) => self.compression = Some(compression),
            Form::Segments(format) => self.inbound = Inbound::segments(format, self.server.limits.frame_bytes),
        }
        self.version = Some(head.version);
        self.deadline = None;
        self.throws_on_overload = agreed.throws_on_overload;
        self.connection.start(head.version, agreed.form, |out| write_ready(out, head));
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

/// Reads what has come, up to about so many bytes. Nothing is lost if it is dropped.
async fn sip<R: AsyncRead + Unpin>(
    stream: &mut R,
    buffer: &mut BytesMut,
    appetite_bytes: usize,
) -> std::io::Result<usize> {
    if buffer.capacity() - buffer.len() < appetite_bytes {
        if appetite_bytes <= SIP_BYTES {
            let mut chunk = [0; SIP_BYTES];
            let count = stream.read(&mut chunk).await?;
            buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
            return Ok(count);
        }
        buffer.reserve(appetite_bytes);
    }
    stream.read_buf(buffer).await
}
