//! Carries datagrams between nodes that are in network namespaces of their own, and loses, delays and mixes them up.
//!
//! A node binds the address that the others know it by. In its namespace the addresses of the others belong to the
//! relay: what it sends to one of them is taken there, and leaves in the other's namespace from the sender's address.
//! Neither notices that somebody is in between.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::draw::Draw;
use crate::space::Space;

const PORT: u16 = 7000;
/// How soon a thread sees that it is over.
const GLANCE: Duration = Duration::from_millis(50);
/// Datagrams that are held back at a time; one more is lost, as in a full router.
const HELD_MAX: usize = 20_000;

/// How a way from one node to another is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quality {
    /// Nothing arrives.
    pub is_cut: bool,
    /// So many of a hundred are lost.
    pub loss_percent: u64,
    /// Everything takes so much longer.
    pub delay: Duration,
    /// So many of a hundred take longer by up to `late`: others overtake them.
    pub late_percent: u64,
    /// At most so much longer.
    pub late: Duration,
}

/// What became of the datagrams.
#[derive(Debug, Default)]
pub struct Counts {
    /// They were handed on, sooner or later.
    pub carried: AtomicUsize,
    /// They came while the way was cut.
    pub cut: AtomicUsize,
    /// They were lost at random.
    pub lost: AtomicUsize,
    /// They were held back for a while.
    pub held: AtomicUsize,
}

/// The way from one node to another.
struct Way {
    from: usize,
    to: usize,
    /// The receiver's address in the sender's namespace.
    inlet: UdpSocket,
    /// The sender's address in the receiver's namespace.
    outlet: UdpSocket,
    target: Ipv4Addr,
    quality: Mutex<Quality>,
}

/// When a datagram is due, its number, its way, and itself.
type Held = Reverse<(Instant, usize, usize, Vec<u8>)>;

struct Shared {
    ways: Vec<Way>,
    held: Mutex<BinaryHeap<Held>>,
    woken: Condvar,
    is_over: AtomicBool,
    counts: Counts,
}

/// A relay between nodes, until it is dropped.
pub struct Relay {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Between these nodes, each in its namespace.
    pub fn between(nodes: &[(Ipv4Addr, &Space)], draw: &mut Draw) -> Relay {
        let bind = |at: usize, address: Ipv4Addr| {
            let socket = nodes[at].1.within(|| UdpSocket::bind((address, PORT))).unwrap();
            socket.set_read_timeout(Some(GLANCE)).unwrap();
            socket
        };
        let count = nodes.len();
        let sockets: Vec<Vec<Option<UdpSocket>>> = (0..count)
            .map(|at| (0..count).map(|other| (other != at).then(|| bind(at, nodes[other].0))).collect())
            .collect();
        let socket = |at: usize, other: usize| sockets[at][other].as_ref().unwrap().try_clone().unwrap();
        let pairs = (0..count * count).map(|pair| (pair / count, pair % count)).filter(|(from, to)| from != to);
        let ways = pairs.map(|(from, to)| Way {
            from,
            to,
            inlet: socket(from, to),
            outlet: socket(to, from),
            target: nodes[to].0,
            quality: Mutex::default(),
        });
        let shared = Arc::new(Shared {
            ways: ways.collect(),
            held: Mutex::default(),
            woken: Condvar::new(),
            is_over: AtomicBool::new(false),
            counts: Counts::default(),
        });
        let mut threads: Vec<JoinHandle<()>> = (0..shared.ways.len())
            .map(|way| {
                let (shared, draw) = (shared.clone(), Draw::of(draw.below(u64::MAX)));
                std::thread::spawn(move || shared.take(way, draw))
            })
            .collect();
        let releasing = shared.clone();
        threads.push(std::thread::spawn(move || releasing.release()));
        Relay { shared, threads }
    }

    /// Makes the way from one node to another like this.
    pub fn set(&self, from: usize, to: usize, quality: Quality) {
        let way = self.shared.ways.iter().find(|way| (way.from, way.to) == (from, to)).unwrap();
        *way.quality.lock().unwrap() = quality;
    }

    /// Makes all ways good again.
    pub fn heal(&self) {
        self.shared.ways.iter().for_each(|way| *way.quality.lock().unwrap() = Quality::default());
    }

    /// What became of the datagrams so far.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic there has been printed.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Takes what comes on a way, for as long as the relay lives.
    fn take(&self, number: usize, mut draw: Draw) {
        let (way, mut room, mut sequence) = (&self.ways[number], vec![0; 1 << 16], 0);
        while !self.is_over() {
            // Nothing within the glance, or an error of an earlier send.
            let Ok(length) = way.inlet.recv(&mut room) else { continue };
            let quality = *way.quality.lock().unwrap();
            let counter = match () {
                () if quality.is_cut => &self.counts.cut,
                () if draw.below(100) < quality.loss_percent => &self.counts.lost,
                () => {
                    let is_late = draw.below(100) < quality.late_percent;
                    let late = if is_late { draw.below(quality.late.as_micros() as u64 + 1) } else { 0 };
                    let delay = quality.delay + Duration::from_micros(late);
                    sequence += 1;
                    if delay.is_zero() {
                        way.hand_on(&room[..length]);
                        &self.counts.carried
                    } else {
                        self.hold((Instant::now() + delay, sequence, number, room[..length].to_vec()))
                    }
                }
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn hold(&self, datagram: (Instant, usize, usize, Vec<u8>)) -> &AtomicUsize {
        let mut held = self.held.lock().unwrap();
        if held.len() >= HELD_MAX {
            return &self.counts.lost;
        }
        held.push(Reverse(datagram));
        self.woken.notify_one();
        &self.counts.held
    }

    /// Hands on what was held back, when it is due.
    fn release(&self) {
        let mut held = self.held.lock().unwrap();
        while !self.is_over() {
            let now = Instant::now();
            let wait = held.peek().map_or(GLANCE, |Reverse((due, ..))| due.saturating_duration_since(now).min(GLANCE));
            if held.is_empty() || !wait.is_zero() {
                held = self.woken.wait_timeout(held, wait).unwrap().0;
                continue;
            }
            let Some(Reverse((.., number, datagram))) = held.pop() else { continue };
            drop(held);
            let way = &self.ways[number];
            let counter = if way.quality.lock().unwrap().is_cut {
                &self.counts.cut
            } else {
                way.hand_on(&datagram);
                &self.counts.carried
            };
            counter.fetch_add(1, Ordering::Relaxed);
            held = self.held.lock().unwrap();
        }
    }
}

impl Way {
    fn hand_on(&self, datagram: &[u8]) {
        // Nobody may listen there: then it is lost, as it is without a relay.
        let _ = self.outlet.send_to(datagram, (self.target, PORT));
    }
}
