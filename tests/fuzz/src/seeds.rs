//! Valid input to begin with, made by the encoders themselves.

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use starling_cql_lite::protocol::client::encode_stamped_request;
use starling_cql_lite::protocol::compression::{Compression, compress_frame};
use starling_cql_lite::protocol::frame::HEADER_BYTES;
use starling_cql_lite::protocol::request::{
    Batch, BatchKind, BatchQuery, BatchStatement, BoundValue, QueryParameters, Request,
};
use starling_cql_lite::protocol::response::{self, ResponseHead};
use starling_cql_lite::protocol::rows::{RowsMetadata, RowsWriter};
use starling_cql_lite::protocol::segment::{SegmentFormat, put_segments};
use starling_cql_lite::protocol::{ColumnSpec, CqlError, WriteType};
use starling_cql_lite::types::CqlType;
use starling_node::cluster::{Change, Entry, EntryId, Metadata};
use starling_node::message::{
    ClockMessage, ClusterMessage, Fence, JoinAnswer, OperationId, Payload, PeerMessage, ReplicaAnswer, ReplicaFailure,
    ReplicaRequest, ReplyTo, Stamped, Stance, wire,
};
use starling_node::paxos::{Answer, Ballot};
use starling_node::schema::{Schema, SchemaDelta};
use starling_ring::gossip::{GossipConfig, Gossiper, StateKey};
use starling_ring::{ConsistencyLevel as Level, Member, Token};
use uuid::Uuid;

use crate::gossip::host;

/// Named seeds of a target that are made and not recorded.
pub fn made(target: &str) -> Vec<(String, Vec<u8>)> {
    match target {
        "frames" => frames(),
        "gossip" => vec![("exchange".to_owned(), gossip())],
        "internode" => internode(),
        "log" => vec![("decrees".to_owned(), decrees())],
        _ => Vec::new(),
    }
}

fn parameters() -> QueryParameters<'static> {
    QueryParameters {
        values: vec![BoundValue::Bytes(b"value"), BoundValue::Null, BoundValue::Unset],
        page_size: Some(100),
        paging_state: Some(b"state"),
        serial_consistency: Some(Level::LocalSerial),
        timestamp_us: Some(1_700_000_000_000_000),
        keyspace: Some("ks"),
        now_s: Some(1_700_000_000),
        ..QueryParameters::new(Level::Quorum)
    }
}

fn requests() -> Vec<Request<'static>> {
    let named = QueryParameters { names: vec!["a", "b", "c"], ..parameters() };
    let statements = vec![
        BatchStatement { query: BatchQuery::Text("INSERT INTO t (k) VALUES (?)"), values: parameters().values },
        BatchStatement { query: BatchQuery::Prepared(&[7; 16]), values: Vec::new() },
    ];
    let batch = Batch {
        kind: BatchKind::Unlogged,
        statements,
        consistency: Level::One,
        serial_consistency: Some(Level::Serial),
        timestamp_us: Some(1),
        keyspace: Some("ks"),
        now_s: Some(5),
    };
    vec![
        Request::Startup(vec![("CQL_VERSION", "3.0.0"), ("COMPRESSION", "lz4")]),
        Request::Options,
        Request::Query { query: "SELECT * FROM ks.t WHERE k = ?", parameters: named },
        Request::Prepare { query: "SELECT * FROM ks.t WHERE k = ?", keyspace: Some("ks") },
        Request::Execute { id: &[7; 16], result_metadata_id: &[8; 16], parameters: parameters() },
        Request::Batch(batch),
        Request::Register(vec!["TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"]),
        Request::AuthResponse(Some(b"\0user\0password")),
    ]
}

fn frames() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for version in [4, 5] {
        let mut all = BytesMut::new();
        for (number, request) in requests().iter().enumerate() {
            let mut frame = BytesMut::new();
            // Every other one carries a stamp, the others in the other version.
            let stamp = (number % 2 == usize::from(version % 2)).then_some(1_700_000_000_000_000);
            if encode_stamped_request(&mut frame, version, number as i16, true, stamp, request).is_err() {
                continue;
            }
            seeds.push((format!("request-v{version}-{number}"), chosen(0, &frame)));
            seeds.push((format!("body-v{version}-{number}"), chosen(5, &frame[HEADER_BYTES..])));
            all.extend_from_slice(&frame);
        }
        for (choice, format) in [(2, SegmentFormat::Plain), (3, SegmentFormat::Lz4)] {
            let mut sent = BytesMut::new();
            put_segments(&mut sent, format, &all);
            seeds.push((format!("segments-v{version}-{choice}"), chosen(choice, &sent)));
        }
        seeds.push((format!("answers-v{version}"), chosen(1, &answers(version))));
    }
    for compression in [Compression::Lz4, Compression::Snappy] {
        let mut frame = BytesMut::from(&[4, 0, 0, 1, 7][..]);
        let body = b"starlings flock with no leader ".repeat(20);
        frame.put_u32(body.len() as u32);
        frame.put_slice(&body);
        compress_frame(&mut frame, 0, compression);
        seeds.push((format!("compressed-{compression:?}"), chosen(4, &frame[HEADER_BYTES..])));
    }
    seeds
}

fn answers(version: u8) -> BytesMut {
    let mut out = BytesMut::new();
    let head = ResponseHead { tracing_id: Some(Uuid::from_u128(9)), ..ResponseHead::new(version, 3) };
    response::write_ready(&mut out, &head);
    response::write_supported(&mut out, &head, &[("COMPRESSION", &["lz4", "snappy"])]);
    response::write_void(&mut out, &head);
    let warnings = ["careful".to_owned()];
    let head = ResponseHead { warnings: &warnings, stamp: Some(1_700_000_000_000_000), ..head };
    response::write_void(&mut out, &head);
    let timeout = CqlError::write_timeout(Level::Quorum, 1, 2, WriteType::Simple);
    for error in [CqlError::Syntax("line 1:0".to_owned()), timeout] {
        response::write_error(&mut out, &head, &error);
    }
    let column = |name: &str, cql_type| ColumnSpec {
        keyspace: "ks".to_owned(),
        table: "t".to_owned(),
        name: name.to_owned(),
        cql_type,
    };
    let list = CqlType::List(Box::new(CqlType::Int));
    let columns = [column("k", CqlType::Int), column("l", list)];
    let metadata = RowsMetadata { paging_state: Some(b"more"), ..RowsMetadata::new(&columns) };
    let mut rows = RowsWriter::begin(&mut out, &head, &metadata);
    rows.row(&[Some(&b"\0\0\0\x01"[..]), None]);
    rows.finish();
    out
}

fn chosen(choice: u8, bytes: &[u8]) -> Vec<u8> {
    let mut seed = vec![choice];
    seed.extend_from_slice(bytes);
    seed
}

fn internode() -> Vec<(String, Vec<u8>)> {
    let member = Member {
        rpc_address: IpAddr::from([0; 16]),
        datacenter: "dc1".to_owned(),
        rack: "rack1".to_owned(),
        tokens: vec![Token(i64::MIN), Token(5)],
        ..Member::at(host(1), IpAddr::from([127, 0, 0, 1]))
    };
    let mut metadata = Metadata::found(Uuid::from_u128(3), "Starling".to_owned(), member.clone());
    metadata.schema = crate::language::schema().clone();
    let position = metadata.position;
    let stance = Stance { cluster_id: Some(metadata.cluster_id), position };
    let ballot = Ballot { round: 3, proposer: host(1), life: 2 };
    let entry = Entry {
        position: position.next(),
        id: EntryId { proposer: host(1), life: 2, number: 1 },
        proposed_at_ms: 1,
        summary: "CREATE TABLE".to_owned(),
        change: Change::Schema(SchemaDelta::between(&Schema::default(), &metadata.schema)),
        deciders: vec![host(1)],
    };
    let request = |request| PeerMessage::Request {
        coordinator: host(2),
        reply_to: ReplyTo { operation: OperationId(7), leg: 1 },
        fence: Fence { position, changed_at: position },
        request,
    };
    let payload = |name: &[u8]| Payload(Bytes::copy_from_slice(name));
    let mutation = payload(include_bytes!("../seeds/storage/mutation").split_at(1).1);
    let command = payload(include_bytes!("../seeds/storage/read_command_range").split_at(1).1);
    let result = payload(include_bytes!("../seeds/storage/read_result").split_at(1).1);
    let answer = |answer| PeerMessage::Answer { reply_to: ReplyTo { operation: OperationId(7), leg: 1 }, answer };
    let cluster_name = "Starling".to_owned();
    let refused = JoinAnswer::Refused { reason: "no".to_owned(), is_final: true };
    let messages = [
        request(ReplicaRequest::Mutate { mutation, forward_to: vec![host(3)] }),
        request(ReplicaRequest::Read { command, digest_only: true }),
        answer(ReplicaAnswer::Data(result)),
        answer(ReplicaAnswer::Digest(9)),
        answer(ReplicaAnswer::Failed(ReplicaFailure::Behind)),
        PeerMessage::Cluster(
            stance,
            ClusterMessage::Join { cluster_name, applicant: member, num_tokens: 16, replaces: None },
        ),
        PeerMessage::Cluster(stance, ClusterMessage::JoinAnswer(refused)),
        PeerMessage::Cluster(stance, ClusterMessage::Prepare { position, ballot }),
        PeerMessage::Cluster(stance, ClusterMessage::Accept { ballot, entry: Box::new(entry.clone()) }),
        PeerMessage::Cluster(
            stance,
            ClusterMessage::Answer { position, ballot, answer: Box::new(Answer::Promised(Some((ballot, entry)))) },
        ),
        PeerMessage::Cluster(stance, ClusterMessage::Snapshot(Box::new(metadata.clone()))),
        PeerMessage::Clock(ClockMessage::Answer { asked_us: 1_000_000, wall_us: 1_700_000_000_000_000 }),
    ];
    let messages = messages.map(|message| Stamped { stamp: 1_700_000_000_000_000, message });
    let mut seeds: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(number, message)| (format!("message-{number}"), wire::encode(message).unwrap_or_default()))
        .collect();
    seeds.push(("metadata".to_owned(), wire::encode(&metadata).unwrap_or_default()));
    seeds
}

/// What other members say to the one under test about two entries, and a newcomer about itself.
fn decrees() -> Vec<u8> {
    let metadata = crate::log::metadata();
    let stance = Stance { cluster_id: Some(metadata.cluster_id), position: metadata.position };
    let position = metadata.position.next();
    let ballot = Ballot { round: 1, proposer: host(1), life: 2 };
    let entry = Entry {
        position,
        id: EntryId { proposer: host(1), life: 2, number: 1 },
        proposed_at_ms: 1,
        summary: "CREATE TABLE".to_owned(),
        change: Change::Joining { member: crate::log::member(3), replaces: None },
        deciders: metadata.deciders.clone(),
    };
    let mut recovered = metadata.clone();
    recovered.lineage.push(metadata.position);
    recovered.position.epoch += 9;
    let join = ClusterMessage::Join {
        cluster_name: metadata.cluster_name.clone(),
        applicant: crate::log::member(4),
        num_tokens: 4,
        replaces: Some(IpAddr::from([10, 0, 0, 2])),
    };
    let accept = ClusterMessage::Accept { ballot, entry: Box::new(entry.clone()) };
    let said = [
        (4, join),
        (1, ClusterMessage::Prepare { position, ballot }),
        (1, accept),
        (2, ClusterMessage::Answer { position, ballot, answer: Box::new(Answer::Promised(None)) }),
        (1, ClusterMessage::Entries(vec![entry])),
        (1, ClusterMessage::Adopted),
        (2, ClusterMessage::Fetch),
        (2, ClusterMessage::Announce),
        (1, ClusterMessage::AnnounceAnswer { known: true }),
        (2, ClusterMessage::Call),
        (1, ClusterMessage::Snapshot(Box::new(recovered))),
        (2, ClusterMessage::Refused { reason: "no".to_owned() }),
    ];
    let mut bytes = Vec::new();
    for (from, message) in said {
        let message = wire::encode(&PeerMessage::Cluster(stance, message)).unwrap_or_default();
        bytes.extend_from_slice(&u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.push((1 << 3) | from);
        bytes.extend_from_slice(&message);
    }
    bytes
}

/// What another member says to the one under test while both find each other.
fn gossip() -> Vec<u8> {
    let members: Vec<_> = (0..5).map(host).collect();
    let mut pair: Vec<Gossiper> =
        (0..2).map(|number| Gossiper::new(GossipConfig::default(), host(number), 1, 0)).collect();
    let (mut seed, mut said) = (Vec::new(), 0_u64);
    for gossiper in &mut pair {
        gossiper.set_members(0, &members);
        let _ = gossiper.set_local(StateKey(1), b"a value".to_vec());
    }
    for round in 1..8 {
        let mut mail = Vec::new();
        for (from, gossiper) in pair.iter_mut().enumerate() {
            let mut random = || {
                said += 1;
                said.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            };
            mail.extend(gossiper.tick(round * 800, &mut random).into_iter().map(|(to, message)| (from, to, message)));
        }
        while let Some((from, to, message)) = mail.pop() {
            let Some(receiver) = (0..2).find(|number| host(*number as u128) == to) else { continue };
            if receiver == 0 {
                let bytes = wire::encode(&message).unwrap_or_default();
                seed.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
                seed.push(from as u8 | 1 << 6);
                seed.extend_from_slice(&bytes);
            }
            let answers = pair[receiver].receive(round * 800, host(from as u128), message);
            mail.extend(answers.into_iter().map(|(to, message)| (receiver, to, message)));
        }
    }
    seed
}
