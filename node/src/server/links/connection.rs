//! One connection to a peer: made by dialling or accepting, greeted on every lane, then read until it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use starling_ring::HostId;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::hello::{self, Greeting};
use super::lane::{BUFFER_KEPT_BYTES, LaneQueue, take_frame};
use super::tls::CERTIFICATE_NAME;
use super::{Inbox, Links};
use crate::message::{Destination, Lane};

/// A peer that does not finish its handshake or greeting in this time is given up.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);
/// After so long without an answer a peer is dialled once more beside the attempts under way, and the first to be
/// answered counts: QUIC waits twice as long before each repetition, so that a peer that comes up while it is dialled
/// would be reached up to a second late. Shorter: sooner, for more packets and for more handshakes at a peer that is only
/// slow. Bounds: a round trip to `GREETING_TIMEOUT`.
const DIAL_AGAIN_AFTER: Duration = Duration::from_millis(300);
const READ_CHUNK_MAX_BYTES: usize = 256 << 10;
const LANES: [Lane; 2] = [Lane::Control, Lane::Data];
/// Code of a connection that ends in order.
const ENDED: u32 = 0;
/// Code of a connection that is refused; the reason says why.
const REFUSED: u32 = 1;

/// Reasons that are no fault of the peer's.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotNow {
    #[error("shutting down")]
    ShuttingDown,
    #[error("no address known for {0}")]
    NoAddress(HostId),
}

/// An open connection.
pub struct Link {
    /// Who is at the other end.
    pub host_id: HostId,
    /// Which life of it.
    pub generation: u64,
    /// The cluster that it said it is a member of.
    cluster_id: Option<Uuid>,
    /// Whether it was told which cluster this node is a member of.
    is_told: bool,
    connection: quinn::Connection,
    control: LaneQueue,
    data: LaneQueue,
    closed: AtomicBool,
    /// Lanes that the peer has not finished.
    reading: AtomicUsize,
    writing: AtomicUsize,
}

impl Link {
    fn new(connection: quinn::Connection, own: &Greeting, peer: &Greeting) -> Arc<Self> {
        Arc::new(Link {
            host_id: peer.host_id,
            generation: peer.generation,
            cluster_id: peer.cluster_id,
            is_told: own.cluster_id.is_some(),
            connection,
            control: LaneQueue::default(),
            data: LaneQueue::default(),
            closed: AtomicBool::new(false),
            reading: AtomicUsize::new(LANES.len()),
            writing: AtomicUsize::new(LANES.len()),
        })
    }

    /// The queue of one lane.
    pub fn lane(&self, lane: Lane) -> &LaneQueue {
        match lane {
            Lane::Control => &self.control,
            Lane::Data => &self.data,
        }
    }

    /// Round trip time as the connection measures it.
    pub fn round_trip(&self) -> Duration {
        self.connection.rtt()
    }

    /// Bytes that wait to be sent.
    pub fn queued_bytes(&self) -> usize {
        self.control.depth_bytes() + self.data.depth_bytes()
    }

    /// Whether messages may be given to it.
    pub fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire)
    }

    /// Whether all that was queued has reached the peer, or never will.
    pub fn is_written(&self) -> bool {
        self.writing.load(Ordering::Acquire) == 0
    }

    /// Takes no more messages; what is queued is still sent.
    pub fn finish(&self) {
        self.closed.store(true, Ordering::Release);
        self.control.finish();
        self.data.finish();
    }

    /// Ends it if it leads, or may come to lead, into another cluster than this node's.
    pub(super) fn check_cluster(&self, own: Uuid) {
        match self.cluster_id {
            Some(theirs) if theirs != own => _ = self.end(REFUSED, &two_clusters(own, theirs)),
            // Neither greeting named a cluster: the next one does.
            None if !self.is_told => self.finish(),
            _ => {}
        }
    }

    /// Ends the connection. The first to do so learns whether it had ended because the peer, restarted, did not know it.
    pub fn close(&self) -> bool {
        self.end(ENDED, "closed")
    }

    fn end(&self, code: u32, reason: &str) -> bool {
        // Asked before it is closed here, which would be the reason from then on.
        let is_reset = matches!(self.connection.close_reason(), Some(quinn::ConnectionError::Reset));
        let is_first = !self.closed.swap(true, Ordering::AcqRel);
        self.control.close();
        self.data.close();
        self.connection.close(code.into(), reason.as_bytes());
        is_first && is_reset
    }
}

/// Takes a link out of use when one of its tasks ends, however it ends.
struct LaneTask {
    links: Arc<Links>,
    link: Arc<Link>,
    in_order: bool,
}

impl LaneTask {
    fn new(links: &Arc<Links>, link: &Arc<Link>) -> Self {
        LaneTask { links: links.clone(), link: link.clone(), in_order: false }
    }

    async fn write(mut self, lane: Lane, stream: quinn::SendStream) {
        // Gossip overtakes data that waits for the network. A stream that is gone is the next write's to notice.
        let _ = stream.set_priority(i32::from(lane == Lane::Control));
        self.link.lane(lane).write_to(stream).await;
        self.in_order = !self.link.is_open();
        self.link.writing.fetch_sub(1, Ordering::AcqRel);
    }

    async fn read(mut self, stream: quinn::RecvStream) {
        match self.links.read_lane(self.link.host_id, stream).await {
            // The peer is leaving; its other lane may still bring something.
            Ok(()) => self.in_order = self.link.reading.fetch_sub(1, Ordering::AcqRel) > 1,
            Err(error) => tracing::debug!(peer = %self.link.host_id, "link ended: {error:#}"),
        }
    }
}

impl Drop for LaneTask {
    fn drop(&mut self) {
        let restarted = !self.in_order && self.link.close();
        self.links.forget(&self.link);
        if restarted {
            self.links.figures.reset.fetch_add(1, Ordering::Relaxed);
            self.links.dial_again(self.link.host_id);
        }
    }
}

type Streams = Vec<(Lane, quinn::SendStream, quinn::RecvStream)>;

impl Links {
    pub(super) async fn dial(self: &Arc<Self>, to: Destination) -> Result<()> {
        let address = match to {
            Destination::Address(address) => address,
            Destination::Host(host) => {
                let inbox = self.inbox().ok_or(NotNow::ShuttingDown)?;
                inbox.internode_address(host).ok_or(NotNow::NoAddress(host))?
            }
        };
        let connecting = tokio::time::timeout(GREETING_TIMEOUT, self.connect(address));
        let connection = connecting.await.context("no answer")??;
        let own = self.greeting.lock().clone();
        let greeted = tokio::time::timeout(GREETING_TIMEOUT, self.greet(&connection, &own, to));
        let (peer, streams) = refuse_on_error(&connection, greeted.await.context("no greeting").flatten())
            .with_context(|| address.to_string())?;
        self.run(connection, &own, &peer, streams, Some(to));
        Ok(())
    }

    async fn connect(&self, address: SocketAddr) -> Result<quinn::Connection> {
        let mut attempts = JoinSet::new();
        loop {
            let connecting = self.endpoint.connect(address, CERTIFICATE_NAME)?;
            attempts.spawn(connecting.into_future());
            if let Ok(Some(first)) = tokio::time::timeout(DIAL_AGAIN_AFTER, attempts.join_next()).await {
                // The others are given up, which their peer hears.
                return Ok(first??);
            }
        }
    }

    async fn greet(
        &self,
        connection: &quinn::Connection,
        own: &Greeting,
        to: Destination,
    ) -> Result<(Greeting, Streams)> {
        let mut streams = Vec::new();
        let mut peer = None;
        for lane in LANES {
            let (mut send, mut recv) = connection.open_bi().await?;
            hello::write(&mut send, lane, own).await?;
            let (answered, greeting) = self.hear(&mut recv).await?;
            if answered != lane || peer.as_ref().is_some_and(|p: &Greeting| *p != greeting) {
                bail!("the lanes of one link disagree about who answers");
            }
            check_peer(own, &greeting)?;
            if let Destination::Host(host) = to
                && host != greeting.host_id
            {
                bail!("{} is now here, not {host}", greeting.host_id);
            }
            peer = Some(greeting);
            streams.push((lane, send, recv));
        }
        Ok((peer.context("no lanes")?, streams))
    }

    pub(super) async fn accept(self: &Arc<Self>, incoming: quinn::Incoming) -> Result<()> {
        let address = incoming.remote_address();
        let connection = tokio::time::timeout(GREETING_TIMEOUT, incoming)
            .await
            .context("no handshake")?
            .with_context(|| address.to_string())?;
        let own = self.greeting.lock().clone();
        let greeted = tokio::time::timeout(GREETING_TIMEOUT, self.answer_greetings(&connection, &own));
        let (peer, streams) = refuse_on_error(&connection, greeted.await.context("no greeting").flatten())
            .with_context(|| address.to_string())?;
        self.run(connection, &own, &peer, streams, None);
        Ok(())
    }

    async fn answer_greetings(&self, connection: &quinn::Connection, own: &Greeting) -> Result<(Greeting, Streams)> {
        let mut streams: Streams = Vec::new();
        let mut peer: Option<Greeting> = None;
        while streams.len() < LANES.len() {
            let (mut send, mut recv) = connection.accept_bi().await?;
            let (lane, greeting) = self.hear(&mut recv).await?;
            if streams.iter().any(|(l, _, _)| *l == lane) || peer.as_ref().is_some_and(|p| *p != greeting) {
                bail!("the lanes of one link disagree");
            }
            check_peer(own, &greeting)?;
            hello::write(&mut send, lane, own).await?;
            peer = Some(greeting);
            streams.push((lane, send, recv));
        }
        Ok((peer.context("no lanes")?, streams))
    }

    /// Reads a greeting. Which cluster there is counts even if the peer is then refused.
    async fn hear(&self, stream: &mut quinn::RecvStream) -> Result<(Lane, Greeting)> {
        let (lane, greeting) = hello::read(stream).await?;
        if let Some(cluster_id) = greeting.cluster_id
            && let Some(inbox) = self.inbox()
        {
            inbox.on_cluster_heard(cluster_id);
        }
        Ok((lane, greeting))
    }

    fn run(
        self: &Arc<Self>,
        connection: quinn::Connection,
        own: &Greeting,
        peer: &Greeting,
        streams: Streams,
        dialled: Option<Destination>,
    ) {
        let link = Link::new(connection, own, peer);
        let mut destinations = vec![Destination::Host(link.host_id)];
        destinations.extend(dialled.filter(|d| *d != Destination::Host(link.host_id)));
        // Known before its tasks run: a task that ends at once must find it to forget.
        self.register(&destinations, &link);
        // This node may have become a member since it greeted.
        if let Some(cluster_id) = self.greeting.lock().cluster_id {
            link.check_cluster(cluster_id);
        }
        for (lane, send, recv) in streams {
            tokio::spawn(LaneTask::new(self, &link).write(lane, send));
            tokio::spawn(LaneTask::new(self, &link).read(recv));
        }
    }

    async fn read_lane(&self, from: HostId, mut stream: quinn::RecvStream) -> Result<()> {
        let mut buffer = BytesMut::new();
        while let Some(chunk) = stream.read_chunk(READ_CHUNK_MAX_BYTES, true).await? {
            buffer.extend_from_slice(&chunk.bytes);
            self.figures.received_bytes.fetch_add(chunk.bytes.len() as u64, Ordering::Relaxed);
            let Some(inbox) = self.inbox() else { bail!("shutting down") };
            self.deliver(&*inbox, from, &mut buffer).await?;
            if buffer.is_empty() && buffer.capacity() > BUFFER_KEPT_BYTES {
                buffer = BytesMut::new();
            }
        }
        Ok(())
    }

    async fn deliver(&self, inbox: &dyn Inbox, from: HostId, buffer: &mut BytesMut) -> Result<()> {
        while let Some(message) = take_frame(buffer)? {
            self.figures.received[message.message.kind()].fetch_add(1, Ordering::Relaxed);
            inbox.on_peer_message(from, message);
            // Many messages that came together must not keep the thread from gossip.
            tokio::task::coop::consume_budget().await;
        }
        Ok(())
    }
}

fn check_peer(own: &Greeting, peer: &Greeting) -> Result<()> {
    if peer.host_id == own.host_id {
        bail!("{} is this node itself", peer.host_id);
    }
    match (own.cluster_id, peer.cluster_id) {
        (Some(own), Some(theirs)) if own != theirs => bail!(two_clusters(own, theirs)),
        _ => Ok(()),
    }
}

/// Reaches both sides: it must not say "this" or "the other".
fn two_clusters(one: Uuid, other: Uuid) -> String {
    format!("cluster {one} met cluster {other}: these are two clusters, whose nodes do not talk to each other")
}

/// Closes the connection of a failed greeting, telling the peer why.
fn refuse_on_error<T>(connection: &quinn::Connection, greeted: Result<T>) -> Result<T> {
    greeted.inspect_err(|error| connection.close(REFUSED.into(), format!("{error:#}").as_bytes()))
}
