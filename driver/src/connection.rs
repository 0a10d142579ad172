//! One TCP connection: requests multiplexed by stream id, writes coalesced, answers handed to whoever waits.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use starling_cql_lite::protocol::Request;
use starling_cql_lite::protocol::client::{Response, ResponseFrame};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::stamp::{HighestStamp, is_stamped, takes_stamps};
use crate::streams::Streams;
use crate::wire;

/// Buffers that grew beyond this are given back after use.
const BUFFER_KEPT_BYTES: usize = 1 << 20;

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It never left; it can go elsewhere.
    NotSent(String),
    /// The connection broke after it was handed over.
    Broken(String),
}

struct Shared {
    streams: Mutex<Streams>,
    permits: Arc<Semaphore>,
    /// Frames to be written.
    outgoing: Mutex<BytesMut>,
    wake_writer: Notify,
    /// A request got no answer in time, and nothing has arrived since.
    silent: AtomicBool,
}

/// An open connection on which the protocol has started.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
    /// The keyspace that the server has for this connection.
    keyspace: Mutex<Option<String>>,
    /// The server takes and tells stamps.
    takes_stamps: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    /// Connects and starts the protocol; events, once registered for, wake the receiver of `events`.
    pub async fn open(
        host: SocketAddr,
        max_in_flight: usize,
        timeout: Duration,
        events: Option<mpsc::Sender<()>>,
    ) -> Result<Connection, String> {
        let opening = async {
            let socket = TcpStream::connect(host).await.map_err(|error| error.to_string())?;
            socket.set_nodelay(true).map_err(|error| error.to_string())?;
            let connection = Connection::over(socket, max_in_flight, events);
            connection.start_protocol().await?;
            Ok(connection)
        };
        let late = || Err(format!("not connected within {} ms", timeout.as_millis()));
        tokio::time::timeout(timeout, opening).await.unwrap_or_else(|_| late())
    }

    fn over(socket: TcpStream, max_in_flight: usize, events: Option<mpsc::Sender<()>>) -> Connection {
        let (read, write) = socket.into_split();
        let shared = Arc::new(Shared {
            streams: Mutex::default(),
            permits: Arc::new(Semaphore::new(max_in_flight.clamp(1, 32_768))),
            outgoing: Mutex::default(),
            wake_writer: Notify::new(),
            silent: AtomicBool::new(false),
        });
        let reader = tokio::spawn(read_answers(read, shared.clone(), events));
        let writer = tokio::spawn(write_frames(write, shared.clone()));
        Connection { shared, tasks: [reader, writer], keyspace: Mutex::default(), takes_stamps: AtomicBool::new(false) }
    }

    async fn start_protocol(&self) -> Result<(), String> {
        for request in [Request::Options, wire::startup()] {
            match self.request(&request).await.map(|frame| frame.response) {
                Ok(Response::Supported(options)) => {
                    self.takes_stamps.store(takes_stamps(&options), Ordering::Relaxed);
                }
                Ok(Response::Ready) => {}
                Ok(Response::Error(error)) => return Err(error.to_string()),
                Ok(Response::Authenticate(_)) => return Err("the server wants a password".to_owned()),
                Ok(_) => return Err("the server did not start the protocol".to_owned()),
                Err(Failure::NotSent(reason) | Failure::Broken(reason)) => return Err(reason),
            }
        }
        Ok(())
    }

    /// Sends a request and waits for its answer, for as long as it takes.
    pub async fn request(&self, request: &Request<'_>) -> Result<ResponseFrame, Failure> {
        self.exchange(request, None).await
    }

    /// The same; what is done for it is later than the session's highest stamp, which follows the answer, if the server
    /// takes stamps.
    pub async fn request_after(&self, request: &Request<'_>, highest: &HighestStamp) -> Result<ResponseFrame, Failure> {
        let carries = self.takes_stamps.load(Ordering::Relaxed) && is_stamped(request);
        let frame = self.exchange(request, Some(highest).filter(|_| carries)).await?;
        highest.follow(&frame);
        Ok(frame)
    }

    async fn exchange(&self, request: &Request<'_>, highest: Option<&HighestStamp>) -> Result<ResponseFrame, Failure> {
        let permit = self.shared.permits.clone().acquire_owned().await;
        let permit = permit.map_err(|_| Failure::NotSent("the connection is closed".to_owned()))?;
        let (stream, answer) = lock(&self.shared.streams).take(permit).map_err(Failure::NotSent)?;
        let stamp = highest.map(HighestStamp::get);
        let encoded = wire::encode(request, stream, stamp, &mut lock(&self.shared.outgoing));
        if let Err(reason) = encoded {
            lock(&self.shared.streams).give_back(stream);
            return Err(Failure::NotSent(reason));
        }
        self.shared.wake_writer.notify_one();
        match answer.await {
            Ok(Ok(reply)) => reply.decode().map_err(Failure::Broken),
            Ok(Err(reason)) => Err(Failure::Broken(reason)),
            Err(_) => Err(Failure::Broken("the connection was dropped".to_owned())),
        }
    }

    /// Whether unqualified names are looked for in this keyspace.
    pub fn is_in_keyspace(&self, keyspace: &str) -> bool {
        lock(&self.keyspace).as_deref() == Some(keyspace)
    }

    /// Notes the keyspace that the server has confirmed.
    pub fn note_keyspace(&self, keyspace: &str) {
        *lock(&self.keyspace) = Some(keyspace.to_owned());
    }

    /// Whether requests can still be sent.
    pub fn is_open(&self) -> bool {
        !lock(&self.shared.streams).is_closed()
    }

    /// Notes that a request got no answer in time.
    pub fn note_silence(&self) {
        self.shared.silent.store(true, Ordering::Relaxed);
    }

    /// Whether a request got no answer in time and nothing has arrived since.
    pub fn is_silent(&self) -> bool {
        self.shared.silent.load(Ordering::Relaxed)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.shared.close("the session was closed");
    }
}

impl Shared {
    fn close(&self, reason: &str) {
        lock(&self.streams).close(reason);
        self.permits.close();
        self.wake_writer.notify_one();
    }
}

async fn write_frames(mut socket: OwnedWriteHalf, shared: Arc<Shared>) {
    let mut writing = BytesMut::new();
    loop {
        shared.wake_writer.notified().await;
        loop {
            std::mem::swap(&mut writing, &mut *lock(&shared.outgoing));
            if writing.is_empty() {
                break;
            }
            if let Err(error) = socket.write_all(&writing).await {
                return shared.close(&error.to_string());
            }
            if writing.capacity() > BUFFER_KEPT_BYTES {
                writing = BytesMut::new();
            }
            writing.clear();
        }
        if lock(&shared.streams).is_closed() {
            return;
        }
    }
}

async fn read_answers(mut socket: OwnedReadHalf, shared: Arc<Shared>, events: Option<mpsc::Sender<()>>) {
    let mut read = BytesMut::with_capacity(64 * 1024);
    let reason = loop {
        match socket.read_buf(&mut read).await {
            Ok(0) => break "the server closed the connection".to_owned(),
            Ok(_) => shared.silent.store(false, Ordering::Relaxed),
            Err(error) => break error.to_string(),
        }
        if let Err(reason) = take_frames(&mut read, &shared, events.as_ref()) {
            break reason;
        }
    };
    shared.close(&reason);
}

/// Hands over every whole frame.
fn take_frames(read: &mut BytesMut, shared: &Shared, events: Option<&mpsc::Sender<()>>) -> Result<(), String> {
    while let Some(reply) = wire::take_reply(read)? {
        let stream = reply.header.stream;
        if stream < 0 {
            // A full channel already says that there is something to look at.
            let _ = events.map(|events| events.try_send(()));
        } else if !lock(&shared.streams).complete(stream, reply) {
            return Err(format!("the server answered on stream {stream}, where nothing was asked"));
        }
    }
    Ok(())
}
