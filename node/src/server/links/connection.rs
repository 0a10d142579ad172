//! One connection to a peer: made by dialling or accepting, greeted on every lane, then read until it ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use starling_ring::HostId;

use super::hello::{self, Greeting};
use super::lane::{LaneQueue, take_frame};
use super::tls::CERTIFICATE_NAME;
use super::{Inbox, Links};
use crate::message::{Destination, Lane};

/// A peer that does not finish its greeting in this time is given up.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);
const READ_CHUNK_MAX_BYTES: usize = 256 << 10;
const LANES: [Lane; 2] = [Lane::Control, Lane::Data];

/// An open connection.
pub struct Link {
    connection: quinn::Connection,
    control: LaneQueue,
    data: LaneQueue,
}

impl Link {
    fn new(connection: quinn::Connection) -> Arc<Self> {
        Arc::new(Link { connection, control: LaneQueue::default(), data: LaneQueue::default() })
    }

    /// The queue of one lane.
    pub fn lane(&self, lane: Lane) -> &LaneQueue {
        match lane {
            Lane::Control => &self.control,
            Lane::Data => &self.data,
        }
    }

    /// Bytes that wait to be sent.
    pub fn queued_bytes(&self) -> usize {
        self.control.depth_bytes() + self.data.depth_bytes()
    }

    /// Ends the connection.
    pub fn close(&self) {
        self.control.close();
        self.data.close();
        self.connection.close(0u32.into(), b"closed");
    }
}

type Streams = Vec<(Lane, quinn::SendStream, quinn::RecvStream)>;

impl Links {
    pub(super) async fn dial(self: &Arc<Self>, to: Destination) -> Result<()> {
        let address = match to {
            Destination::Address(address) => address,
            Destination::Host(host) => {
                let inbox = self.inbox().context("shutting down")?;
                inbox.internode_address(host).with_context(|| format!("no address known for {host}"))?
            }
        };
        let connecting = self.endpoint.connect(address, CERTIFICATE_NAME)?;
        let connection = tokio::time::timeout(GREETING_TIMEOUT, connecting).await.context("no answer")??;
        let greeted = tokio::time::timeout(GREETING_TIMEOUT, self.greet(&connection));
        let (peer, streams) = greeted.await.context("no greeting")??;
        match to {
            Destination::Host(host) if host != peer.host_id => {
                connection.close(0u32.into(), b"another node");
                bail!("{address} is now {}, not {host}", peer.host_id);
            }
            _ => self.run(connection, &peer, streams, Some(to)),
        }
        Ok(())
    }

    async fn greet(&self, connection: &quinn::Connection) -> Result<(Greeting, Streams)> {
        let mut streams = Vec::new();
        let mut peer = None;
        for lane in LANES {
            let (mut send, mut recv) = connection.open_bi().await?;
            hello::write(&mut send, lane, &self.greeting).await?;
            let (answered, greeting) = hello::read(&mut recv).await?;
            if answered != lane || peer.as_ref().is_some_and(|p: &Greeting| *p != greeting) {
                bail!("the lanes of one link disagree about who answers");
            }
            peer = Some(greeting);
            streams.push((lane, send, recv));
        }
        let peer = peer.context("no lanes")?;
        self.check_peer(&peer)?;
        Ok((peer, streams))
    }

    pub(super) async fn accept(self: &Arc<Self>, incoming: quinn::Incoming) -> Result<()> {
        let connection = tokio::time::timeout(GREETING_TIMEOUT, incoming).await.context("no handshake")??;
        let greeted = tokio::time::timeout(GREETING_TIMEOUT, self.answer_greetings(&connection));
        let (peer, streams) = match greeted.await.context("no greeting") {
            Ok(Ok(greeted)) => greeted,
            Ok(Err(error)) | Err(error) => {
                connection.close(0u32.into(), b"greeting");
                return Err(error);
            }
        };
        self.run(connection, &peer, streams, None);
        Ok(())
    }

    async fn answer_greetings(&self, connection: &quinn::Connection) -> Result<(Greeting, Streams)> {
        let mut streams: Streams = Vec::new();
        let mut peer: Option<Greeting> = None;
        while streams.len() < LANES.len() {
            let (mut send, mut recv) = connection.accept_bi().await?;
            let (lane, greeting) = hello::read(&mut recv).await?;
            if streams.iter().any(|(l, _, _)| *l == lane) || peer.as_ref().is_some_and(|p| *p != greeting) {
                bail!("the lanes of one link disagree");
            }
            hello::write(&mut send, lane, &self.greeting).await?;
            self.check_peer(&greeting)?;
            peer = Some(greeting);
            streams.push((lane, send, recv));
        }
        Ok((peer.context("no lanes")?, streams))
    }

    fn check_peer(&self, peer: &Greeting) -> Result<()> {
        if peer.host_id == self.greeting.host_id {
            bail!("this node itself");
        }
        Ok(())
    }

    fn run(
        self: &Arc<Self>,
        connection: quinn::Connection,
        peer: &Greeting,
        streams: Streams,
        dialled: Option<Destination>,
    ) {
        let host_id = peer.host_id;
        let link = Link::new(connection);
        let mut destinations = vec![Destination::Host(host_id)];
        destinations.extend(dialled.filter(|d| *d != Destination::Host(host_id)));
        for (lane, send, recv) in streams {
            let writer = link.clone();
            tokio::spawn(async move { writer.lane(lane).write_to(send).await });
            let links = self.clone();
            let reader = link.clone();
            tokio::spawn(async move {
                if let Err(error) = links.read_lane(host_id, recv).await {
                    tracing::debug!(peer = %host_id, "link ended: {error:#}");
                }
                reader.close();
                links.forget(&reader);
            });
        }
        self.register(&destinations, &link);
    }

    async fn read_lane(&self, from: HostId, mut stream: quinn::RecvStream) -> Result<()> {
        let mut buffer = BytesMut::new();
        while let Some(chunk) = stream.read_chunk(READ_CHUNK_MAX_BYTES, true).await? {
            buffer.extend_from_slice(&chunk.bytes);
            let Some(inbox) = self.inbox() else { return Ok(()) };
            self.deliver(&*inbox, from, &mut buffer)?;
        }
        Ok(())
    }

    fn deliver(&self, inbox: &dyn Inbox, from: HostId, buffer: &mut BytesMut) -> Result<()> {
        while let Some(message) = take_frame(buffer)? {
            self.figures.received.fetch_add(1, Ordering::Relaxed);
            inbox.on_peer_message(from, message);
        }
        Ok(())
    }
}
