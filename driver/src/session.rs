//! A session: what applications hold to talk to a cluster.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::DriverError;
use crate::cluster::ClusterMap;
use crate::control::{Control, follow};
use crate::host::Opening;
use crate::options::{ContactPoint, QueryOptions, SessionOptions};
use crate::picture::Picture;
use crate::resolve::resolve;
use crate::stamp::HighestStamp;
use crate::statement::PreparedStatement;

/// A session. Cheap to clone; the last clone to go closes it.
#[derive(Clone)]
pub struct Session {
    pub(crate) inner: Arc<Inner>,
    _follower: Arc<Follower>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("cluster", &self.cluster().name()).finish_non_exhaustive()
    }
}

/// The task that follows the cluster's changes; it ends with the session.
struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) struct Inner {
    pub opening: Opening,
    local_datacenter: String,
    pub defaults: QueryOptions,
    picture: RwLock<Arc<Picture>>,
    pub keyspace: RwLock<Option<Arc<str>>>,
    pub prepared: Mutex<HashMap<String, PreparedStatement>>,
    turn: AtomicUsize,
    /// What the next request is later than.
    pub stamp: HighestStamp,
}

impl Inner {
    pub fn picture(&self) -> Arc<Picture> {
        self.picture.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    pub fn set_cluster(&self, cluster: ClusterMap) {
        let mut picture = self.picture.write().unwrap_or_else(PoisonError::into_inner);
        *picture = Arc::new(Picture::new(cluster, Some(&picture), &self.local_datacenter, self.opening));
        // Something changed: whoever was away may be back.
        picture.hosts().for_each(|host| host.forgive());
    }

    pub fn keyspace(&self) -> Option<Arc<str>> {
        self.keyspace.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Session {
    /// Connects to the first contact point that answers and reads the cluster's members from it.
    ///
    /// # Errors
    /// No contact point answers.
    pub async fn connect<P: Into<ContactPoint>>(
        contact_points: impl IntoIterator<Item = P>,
        options: SessionOptions,
    ) -> Result<Session, DriverError> {
        let timeout = Duration::from_millis(options.connect_timeout_ms);
        let opening = Opening { max_in_flight: options.max_in_flight, timeout };
        let mut attempts = Vec::new();
        for contact_point in contact_points {
            for address in resolve(&contact_point.into(), options.port).await? {
                let connected = async {
                    let control = Control::open(address, opening).await?;
                    let cluster = control.read_cluster().await?;
                    Ok::<_, String>((control, cluster))
                };
                match connected.await {
                    Ok((control, cluster)) => return Session::begin(control, cluster, opening, options).await,
                    Err(reason) => attempts.push((address, reason)),
                }
            }
        }
        Err(DriverError::NoHostAvailable { attempts })
    }

    async fn begin(
        control: Control,
        cluster: ClusterMap,
        opening: Opening,
        options: SessionOptions,
    ) -> Result<Session, DriverError> {
        let local_datacenter =
            options.local_datacenter.or_else(|| control.datacenter(&cluster).map(str::to_owned)).unwrap_or_default();
        let picture = Picture::new(cluster, None, &local_datacenter, opening);
        let inner = Arc::new(Inner {
            opening,
            local_datacenter,
            defaults: options.defaults,
            picture: RwLock::new(Arc::new(picture)),
            keyspace: RwLock::default(),
            prepared: Mutex::default(),
            turn: AtomicUsize::new(0),
            stamp: HighestStamp::default(),
        });
        let follower = Follower(tokio::spawn(follow(Arc::downgrade(&inner), control)));
        let session = Session { inner, _follower: Arc::new(follower) };
        if let Some(keyspace) = options.keyspace {
            session.use_keyspace(&keyspace).await?;
        }
        Ok(session)
    }

    /// The highest stamp that this session was told, in microseconds since 1970: all that it has done and seen is at or
    /// before it. 0 if it was told none: it has done nothing yet, or the servers know no stamps.
    pub fn last_stamp(&self) -> u64 {
        self.inner.stamp.get()
    }

    /// What this session does from now on is later than this stamp, which [`Session::last_stamp`] of another session gave;
    /// nothing changes if it was told a higher one. Nodes do nothing for a session whose stamp is further ahead of their
    /// clocks than they allow (`max_clock_skew`): never make one up.
    pub fn observe_stamp(&self, stamp: u64) {
        self.inner.stamp.observe(stamp);
    }

    /// The cluster as it is known now.
    pub fn cluster(&self) -> Arc<ClusterMap> {
        self.inner.picture().cluster.clone()
    }

    /// The keyspace that unqualified names are looked for in.
    pub fn keyspace(&self) -> Option<String> {
        self.inner.keyspace().map(|keyspace| keyspace.to_string())
    }

    /// Looks for unqualified names in this keyspace from now on, on every connection.
    ///
    /// # Errors
    /// There is no such keyspace, or no host answers.
    pub async fn use_keyspace(&self, keyspace: &str) -> Result<(), DriverError> {
        let cql = format!("USE \"{}\"", keyspace.replace('"', "\"\""));
        self.query(&cql, &[], &QueryOptions::default()).await.map(drop)
    }
}
