//! The way of clients to a node that is in a network namespace of its own; their connections are cut, held up and slowed
//! there.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::space::Space;

const PORT: u16 = 9042;
/// How soon a thread sees that something has changed.
const GLANCE: Duration = Duration::from_millis(5);
/// What passes at a time on a slow connection, and how long it takes: frames arrive in pieces.
const SLOW_BYTES: usize = 16;
const SLOW_PAUSE: Duration = Duration::from_millis(2);

/// How one direction of the connections is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// Good.
    #[default]
    Free,
    /// In small pieces.
    Slow,
    /// Held up, and let go later.
    Stopped,
}

/// How the connections are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passage {
    /// Open ones are cut, new ones are closed at once.
    pub is_shut: bool,
    /// From the clients.
    pub requests: Flow,
    /// To the clients.
    pub answers: Flow,
}

#[derive(Default)]
struct Shared {
    passage: Mutex<Passage>,
    open: Mutex<Vec<[TcpStream; 2]>>,
    cut: AtomicUsize,
    is_over: AtomicBool,
}

/// The door of a node, until it is dropped.
pub struct Door {
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Door {
    /// Listens here where the node does in its namespace.
    pub fn of(address: Ipv4Addr, space: Arc<Space>) -> Door {
        let listener = TcpListener::bind((address, PORT)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = shared.clone();
        let accepting = std::thread::spawn(move || accepting.accept(&listener, address, &space));
        Door { shared, accepting: Some(accepting) }
    }

    /// Makes the connections like this.
    pub fn set(&self, passage: Passage) {
        *self.shared.passage.lock().unwrap() = passage;
        if passage.is_shut {
            for pair in self.shared.open.lock().unwrap().drain(..) {
                if are_open(&pair) {
                    self.shared.cut.fetch_add(1, Ordering::Relaxed);
                    shut(&pair);
                }
            }
        }
    }

    /// How many connections were cut.
    pub fn cut(&self) -> usize {
        self.shared.cut.load(Ordering::Relaxed)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // A panic there has been printed.
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

fn are_open(pair: &[TcpStream; 2]) -> bool {
    pair.iter().all(|stream| stream.peer_addr().is_ok())
}

/// One that the other side has closed is shut already.
fn shut(pair: &[TcpStream; 2]) {
    pair.iter().for_each(|stream| _ = stream.shutdown(Shutdown::Both));
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener, address: Ipv4Addr, space: &Space) {
        while !self.is_over.load(Ordering::Relaxed) {
            let Ok((client, _)) = listener.accept() else {
                std::thread::sleep(GLANCE);
                continue;
            };
            if self.passage.lock().unwrap().is_shut {
                continue;
            }
            // Nobody may listen there: then the client is told by the end of its connection.
            let Ok(node) = space.within(|| TcpStream::connect((address, PORT))) else { continue };
            let pair = [client, node];
            pair.iter().for_each(|stream| stream.set_nodelay(true).unwrap());
            for is_answers in [false, true] {
                let (shared, [client, node]) = (self.clone(), copy(&pair));
                std::thread::spawn(move || match is_answers {
                    false => shared.carry([client, node], |passage| passage.requests),
                    true => shared.carry([node, client], |passage| passage.answers),
                });
            }
            let mut open = self.open.lock().unwrap();
            open.retain(are_open);
            open.push(pair);
        }
    }

    /// Carries what the first sends to the second, until one of them ends the connection.
    fn carry(&self, pair: [TcpStream; 2], flow: fn(&Passage) -> Flow) {
        let [mut from, mut to] = copy(&pair);
        let flow = || flow(&self.passage.lock().unwrap());
        from.set_read_timeout(Some(10 * GLANCE)).unwrap();
        let mut room = [0; 16 << 10];
        while !self.is_over.load(Ordering::Relaxed) {
            let most = if flow() == Flow::Slow { SLOW_BYTES } else { room.len() };
            let length = match from.read(&mut room[..most]) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(_) => break,
            };
            while flow() == Flow::Stopped && are_open(&pair) && !self.is_over.load(Ordering::Relaxed) {
                std::thread::sleep(GLANCE);
            }
            if flow() == Flow::Slow {
                std::thread::sleep(SLOW_PAUSE);
            }
            if to.write_all(&room[..length]).is_err() {
                break;
            }
        }
        shut(&pair);
    }
}

fn copy(pair: &[TcpStream; 2]) -> [TcpStream; 2] {
    [pair[0].try_clone().unwrap(), pair[1].try_clone().unwrap()]
}
