//! One host and the connection to it, made when it is first needed and made again after it broke.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::connection::Connection;

/// After a first failure a host is left alone for this long; each further failure doubles it.
const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// The longest that a host is left alone, unless no other host answers.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// How connections to hosts are opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub max_in_flight: usize,
    pub timeout: Duration,
}

#[derive(Default)]
struct Failures {
    in_a_row: u32,
    /// Do not try before this, while there are others.
    not_before: Option<Instant>,
}

/// A host.
pub(crate) struct Host {
    /// Where clients connect.
    pub address: SocketAddr,
    opening: Opening,
    current: RwLock<Option<Arc<Connection>>>,
    failures: RwLock<Failures>,
    /// Held while connecting, so that one connection is made and not many.
    connecting: Mutex<()>,
}

impl Host {
    pub fn new(address: SocketAddr, opening: Opening) -> Host {
        Host { address, opening, current: RwLock::default(), failures: RwLock::default(), connecting: Mutex::default() }
    }

    /// Whether requests should rather go elsewhere: its last answer is missing, or it cannot be reached.
    pub fn is_suspect(&self) -> bool {
        if let Some(connection) = self.open_connection() {
            return connection.is_silent();
        }
        let failures = self.failures.read().unwrap_or_else(PoisonError::into_inner);
        failures.not_before.is_some_and(|not_before| Instant::now() < not_before)
    }

    /// The connection if it is open.
    pub fn open_connection(&self) -> Option<Arc<Connection>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().filter(|connection| connection.is_open()).cloned()
    }

    /// The connection, opened if need be.
    pub async fn connection(&self) -> Result<Arc<Connection>, String> {
        if let Some(connection) = self.open_connection() {
            return Ok(connection);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(connection) = self.open_connection() {
            return Ok(connection); // somebody else made it meanwhile
        }
        let opened = Connection::open(self.address, self.opening.max_in_flight, self.opening.timeout, None).await;
        self.note(opened.is_ok());
        let connection = Arc::new(opened?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
        Ok(connection)
    }

    fn note(&self, opened: bool) {
        let mut failures = self.failures.write().unwrap_or_else(PoisonError::into_inner);
        if opened {
            *failures = Failures::default();
        } else {
            let wait = BACKOFF_MIN.saturating_mul(1 << failures.in_a_row.min(10)).min(BACKOFF_MAX);
            failures.in_a_row += 1;
            failures.not_before = Some(Instant::now() + wait);
        }
    }

    /// The host is said to be up: it may be tried at once.
    pub fn forgive(&self) {
        *self.failures.write().unwrap_or_else(PoisonError::into_inner) = Failures::default();
    }
}
