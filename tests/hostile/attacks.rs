//! What hostile clients do, each with a connection that it keeps open as long as it can.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::BytesMut;
use starling_cql_lite::protocol::compression::{Compression, compress_frame};
use starling_cql_lite::protocol::frame::{HEADER_BYTES, Opcode};
use starling_cql_lite::protocol::request::{Batch, BatchKind, BatchQuery, BatchStatement, BoundValue, Request};
use starling_cql_lite::protocol::segment::{SegmentFormat, put_segments};
use starling_ring::ConsistencyLevel;
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::client::{Client, Outcome, frame, query};

/// The largest body that is taken by default.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Between two blows of one attacker: it is memory that is attacked, not the processor that the tests share.
const PAUSE: Duration = Duration::from_millis(100);
const LONG_PAUSE: Duration = Duration::from_millis(2_000);

/// Where the node listens.
#[derive(Clone, Debug)]
pub struct Target {
    pub cql: String,
    pub admin: String,
    pub internode: String,
}

/// Numbers that look random.
pub struct Noise(pub u64);

impl Noise {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 32) as u8
        };
        (0..count).map(|_| next()).collect()
    }
}

fn header(version: u8, opcode: Opcode, length: usize) -> Vec<u8> {
    let mut header = vec![version, 0, 0, 9, opcode as u8];
    header.extend_from_slice(&(length as u32).to_be_bytes());
    header
}

/// A QUERY as large as may be, filled with one byte. They are made once: it is the server's memory that is attacked.
fn large_frame(version: u8, filling: u8) -> BytesMut {
    let mut frame = BytesMut::from(&header(version, Opcode::Query, BODY_BYTES_MAX)[..]);
    frame.resize(HEADER_BYTES + BODY_BYTES_MAX, filling);
    frame
}

/// Number of kinds.
pub const KINDS: usize = 20;

/// Carries out one attack until the server ends it.
pub async fn attack(kind: usize, target: &Target, noise: &mut Noise) -> Outcome {
    let cql = target.cql.as_str();
    match kind {
        0 => half_of_a_large_frame(cql, Opcode::Query).await,
        1 => half_of_a_large_frame(cql, Opcode::Batch).await,
        2 => large_before_startup(cql).await,
        3 => bomb_in_a_body(cql, "lz4", Compression::Lz4).await,
        4 => bomb_in_a_body(cql, "snappy", Compression::Snappy).await,
        5 => bomb_in_segments(cql).await,
        6 => announced_beyond_the_limit(cql).await,
        7 => damaged_segments(cql, noise).await,
        8 => one_byte_at_a_time(cql).await,
        9 => garbage(cql, noise).await,
        10 => deep_nesting(cql).await,
        11 => long_statements(cql).await,
        12 => unread_rows(cql).await,
        13 => unread(cql, &frame(4, &Request::Register(vec!["SCHEMA_CHANGE", "STATUS_CHANGE"]))).await,
        14 => unread(cql, &frame(4, &Request::Options)).await,
        15 => tls_on_a_plain_port(cql).await,
        16 => batches_of_nulls(cql).await,
        17 => whole_large_frames(cql).await,
        18 => slow_http(&target.admin, noise).await,
        _ => quic_noise(&target.internode, noise).await,
    }
}

async fn half_of_a_large_frame(cql: &str, opcode: Opcode) -> Outcome {
    let mut client = Client::started(cql, 4, "").await?;
    client.send(&header(4, opcode, BODY_BYTES_MAX)).await?;
    loop {
        client.send(&[0; 20_000]).await?;
        client.drop_answers()?;
        sleep(LONG_PAUSE).await;
    }
}

async fn large_before_startup(cql: &str) -> Outcome {
    let mut client = Client::connect(cql).await?;
    client.send(&header(4, Opcode::Startup, BODY_BYTES_MAX)).await?;
    client.send(&[0; 100_000]).await?;
    client.until_closed().await
}

async fn bomb_in_a_body(cql: &str, name: &str, compression: Compression) -> Outcome {
    let mut client = Client::started(cql, 4, name).await?;
    static BOMBS: [OnceLock<BytesMut>; 2] = [const { OnceLock::new() }; 2];
    let bomb = BOMBS[usize::from(compression == Compression::Snappy)].get_or_init(|| {
        let mut bomb = large_frame(4, 0);
        compress_frame(&mut bomb, 0, compression);
        assert!(bomb.len() < BODY_BYTES_MAX / 20);
        bomb
    });
    loop {
        client.send(bomb).await?;
        client.drop_answers()?;
        sleep(LONG_PAUSE).await;
    }
}

async fn bomb_in_segments(cql: &str) -> Outcome {
    let mut client = Client::started(cql, 5, "lz4").await?;
    static SEGMENTS: OnceLock<BytesMut> = OnceLock::new();
    let segments = SEGMENTS.get_or_init(|| {
        let mut segments = BytesMut::new();
        put_segments(&mut segments, SegmentFormat::Lz4, &large_frame(5, 0));
        segments
    });
    loop {
        // Half of it at once, the rest late: it is the server that holds it meanwhile.
        let (first, rest) = segments.split_at(segments.len() / 2);
        client.send(first).await?;
        sleep(LONG_PAUSE).await;
        client.send(rest).await?;
        client.drop_answers()?;
    }
}

async fn announced_beyond_the_limit(cql: &str) -> Outcome {
    let mut client = Client::started(cql, 4, "lz4").await?;
    for length in [i32::MAX, -1, BODY_BYTES_MAX as i32 + 1, 1 << 30] {
        let mut bomb = header(4, Opcode::Query, 1_004);
        bomb[1] = 1;
        bomb.extend_from_slice(&length.to_be_bytes());
        bomb.resize(HEADER_BYTES + 1_004, 0);
        client.send(&bomb).await?;
        sleep(PAUSE).await;
    }
    // Bodies beyond the limit are skipped, but not kept.
    client.send(&header(4, Opcode::Query, i32::MAX as usize)).await?;
    loop {
        client.send(&[0; 100_000]).await?;
        client.drop_answers()?;
        sleep(PAUSE).await;
    }
}

async fn damaged_segments(cql: &str, noise: &mut Noise) -> Outcome {
    let mut client = Client::started(cql, 5, "").await?;
    let mut segments = BytesMut::new();
    put_segments(&mut segments, SegmentFormat::Plain, &query(5, "SELECT * FROM system.local"));
    client.send(&segments).await?;
    let at = usize::from(noise.bytes(1)[0]) % segments.len();
    segments[at] ^= 1;
    client.send(&segments).await?;
    client.until_closed().await
}

async fn one_byte_at_a_time(cql: &str) -> Outcome {
    let mut client = Client::started(cql, 4, "").await?;
    for byte in query(4, "SELECT * FROM system.local").repeat(1_000) {
        client.send(&[byte]).await?;
        client.drop_answers()?;
        sleep(LONG_PAUSE).await;
    }
    Ok(())
}

async fn garbage(cql: &str, noise: &mut Noise) -> Outcome {
    let mut client = Client::connect(cql).await?;
    client.send(&noise.bytes(2_000)).await?;
    client.until_closed().await?;
    let mut client = Client::started(cql, 4, "").await?;
    let mut junk = header(4, Opcode::Execute, 50_000);
    junk.extend_from_slice(&noise.bytes(50_000));
    client.send(&junk).await?;
    client.send(&noise.bytes(2_000)).await?;
    client.until_closed().await
}

/// Statements nested 50,000 deep.
pub fn nested() -> [String; 4] {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
    [
        format!("SELECT * FROM hostile.t WHERE k = {}", deep("(", ")")),
        format!("INSERT INTO hostile.t (k, v) VALUES (1, {})", deep("[", "]")),
        format!(
            "CREATE TABLE hostile.n (k int PRIMARY KEY, v {}int{})",
            "frozen<list<".repeat(50_000),
            ">>".repeat(50_000)
        ),
        format!("SELECT {} FROM hostile.t", deep("abs(", ")")),
    ]
}

async fn deep_nesting(cql: &str) -> Outcome {
    let mut client = Client::started(cql, 4, "").await?;
    loop {
        for text in nested() {
            client.send(&query(4, &text)).await?;
            client.answer().await?;
            sleep(LONG_PAUSE).await;
        }
    }
}

/// Statements that take far more room when they are parsed than as text; prepared too, which keeps them.
async fn long_statements(cql: &str) -> Outcome {
    let mut client = Client::started(cql, 4, "").await?;
    for round in 0.. {
        // As many words as a statement may have.
        let text = format!("SELECT v FROM hostile.t WHERE k IN ({round}, {}1)", "1,".repeat(32_000));
        client.send(&frame(4, &Request::Prepare { query: &text, keyspace: None })).await?;
        client.answer().await?;
        let text = format!("UPDATE hostile.t SET v = [{}1] WHERE k = 1", "1,".repeat(500_000));
        client.send(&query(4, &text)).await?;
        client.answer().await?;
        sleep(LONG_PAUSE).await;
    }
    Ok(())
}

async fn unread_rows(cql: &str) -> Outcome {
    let mut client = Client::started(cql, 4, "").await?;
    let select = query(4, "SELECT v FROM hostile.t WHERE k = 1");
    loop {
        client.send(&select.repeat(10)).await?;
        sleep(PAUSE).await;
    }
}

async fn unread(cql: &str, request: &[u8]) -> Outcome {
    let mut client = Client::started(cql, 4, "").await?;
    let many = request.repeat(2_000);
    loop {
        client.send(&many).await?;
        sleep(LONG_PAUSE).await;
    }
}

async fn tls_on_a_plain_port(cql: &str) -> Outcome {
    let mut client = Client::connect(cql).await?;
    let mut hello = vec![22, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3];
    hello.resize(517, 7);
    client.send(&hello).await?;
    client.until_closed().await
}

async fn batches_of_nulls(cql: &str) -> Outcome {
    let mut client = Client::started(cql, 4, "").await?;
    let statement = BatchStatement {
        query: BatchQuery::Text("INSERT INTO hostile.t (k, v) VALUES (?, ?)"),
        values: vec![BoundValue::Null; 65_535],
    };
    static BATCHES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    let batches = BATCHES.get_or_init(|| {
        [60, 7].map(|count| {
            let batch = Batch {
                kind: BatchKind::Unlogged,
                statements: vec![statement.clone(); count],
                consistency: ConsistencyLevel::One,
                serial_consistency: None,
                timestamp_us: None,
                keyspace: None,
                now_s: None,
            };
            frame(4, &Request::Batch(batch))
        })
    });
    loop {
        for batch in batches {
            client.send(batch).await?;
            client.answer().await?;
            sleep(LONG_PAUSE).await;
        }
    }
}

async fn whole_large_frames(cql: &str) -> Outcome {
    let mut client = Client::started(cql, 4, "").await?;
    static LARGE: OnceLock<BytesMut> = OnceLock::new();
    let large = LARGE.get_or_init(|| {
        let mut large = large_frame(4, b' ');
        large[HEADER_BYTES..HEADER_BYTES + 4].copy_from_slice(&(BODY_BYTES_MAX as u32 - 7).to_be_bytes());
        large
    });
    loop {
        client.send(large).await?;
        client.answer().await?;
        sleep(LONG_PAUSE).await;
    }
}

async fn slow_http(admin: &str, noise: &mut Noise) -> Outcome {
    let mut client = Client::connect(admin).await?;
    client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: ").await?;
    for _ in 0..50 {
        client.send(&[b'a'; 1_000]).await?;
        sleep(PAUSE).await;
    }
    let mut client = Client::connect(admin).await?;
    client.send(&noise.bytes(2_000)).await?;
    client.until_closed().await
}

/// Datagrams that begin as QUIC's first packets do, and others.
async fn quic_noise(internode: &str, noise: &mut Noise) -> Outcome {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    loop {
        for _ in 0..20 {
            let mut datagram = noise.bytes(1_200);
            if datagram[1_199] & 1 == 0 {
                // A long header, version 1, connection ids of 8 bytes, no token.
                datagram[..6].copy_from_slice(&[0xC3, 0, 0, 0, 1, 8]);
                datagram[14] = 8;
                datagram[23] = 0;
            }
            // Nobody has to take it.
            let _ = socket.send_to(&datagram, internode).await;
        }
        sleep(PAUSE).await;
    }
}
