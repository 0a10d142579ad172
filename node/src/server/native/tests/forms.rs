//! Versions, segments and compression, as a client sees them.

use bytes::{Buf, Bytes, BytesMut};
use starling_cql_lite::protocol::assembler::FrameAssembler;
use starling_cql_lite::protocol::client::{
    PreparedStatement, Response, ResponseFrame, decode_response, encode_request,
};
use starling_cql_lite::protocol::compression::{Compression, compress_frame, decompress_body};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::protocol::frame::{Direction, FLAG_COMPRESSION, HEADER_BYTES, Header, decode_header};
use starling_cql_lite::protocol::request::{BoundValue, QueryParameters, Request};
use starling_cql_lite::protocol::segment::{SegmentFormat, put_segments, read_segment};
use starling_ring::ConsistencyLevel;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::outgoing::Form;
use super::fixture::{Served, query, serve};
use crate::assembly::NodeConfig;

const LIMIT: usize = 64 << 20;

/// A client that speaks any form.
pub(super) struct Client {
    stream: TcpStream,
    version: u8,
    form: Form,
    read: BytesMut,
    assembler: FrameAssembler,
    was_compressed: bool,
}

impl Client {
    async fn connect(served: &Served, version: u8) -> Client {
        let stream = TcpStream::connect(served.address).await.expect("the listener accepts");
        let assembler = FrameAssembler::new(Direction::Response, LIMIT);
        Client { stream, version, form: Form::Plain, read: BytesMut::new(), assembler, was_compressed: false }
    }

    pub(super) async fn started(served: &Served, version: u8, form: Form) -> Client {
        let mut client = Client::connect(served, version).await;
        let mut options = vec![("CQL_VERSION", "3.0.0")];
        match form {
            Form::Compressed(Compression::Lz4) | Form::Segments(SegmentFormat::Lz4) => {
                options.push(("COMPRESSION", "LZ4"));
            }
            Form::Compressed(Compression::Snappy) => options.push(("COMPRESSION", "snappy")),
            Form::Plain | Form::Segments(SegmentFormat::Plain) => {}
        }
        assert_eq!(client.ask(&Request::Startup(options)).await, Response::Ready);
        client.form = form;
        client
    }

    async fn send(&mut self, request: &Request<'_>, tracing: bool) {
        let mut frame = BytesMut::new();
        encode_request(&mut frame, self.version, 7, tracing, request).expect("short");
        self.send_frame(frame).await;
    }

    /// Sends a frame in the form that was agreed on.
    pub(super) async fn send_frame(&mut self, mut frame: BytesMut) {
        let mut bytes = BytesMut::new();
        match self.form {
            Form::Plain => bytes = frame,
            Form::Compressed(compression) => {
                compress_frame(&mut frame, 0, compression);
                bytes = frame;
            }
            Form::Segments(format) => put_segments(&mut bytes, format, &frame),
        }
        self.stream.write_all(&bytes).await.expect("the server reads");
    }

    fn take_frame(&mut self) -> Option<(Header, Bytes)> {
        if let Form::Segments(format) = self.form {
            loop {
                if let Some(frame) = self.assembler.next_frame().expect("frames") {
                    return Some(frame);
                }
                let segment = read_segment(format, &mut self.read).expect("a segment")?;
                self.assembler.push(segment).expect("fits");
            }
        }
        let header = decode_header(&self.read, Direction::Response, LIMIT).expect("a header")?;
        if self.read.len() < HEADER_BYTES + header.body_length_bytes {
            return None;
        }
        self.read.advance(HEADER_BYTES);
        Some((header, self.read.split_to(header.body_length_bytes).freeze()))
    }

    async fn frame(&mut self) -> ResponseFrame {
        let (header, body) = self.raw_frame().await;
        decode_response(&header, &body).expect("a response")
    }

    /// The next frame, its body decompressed.
    pub(super) async fn raw_frame(&mut self) -> (Header, Bytes) {
        loop {
            if let Some((mut header, mut body)) = self.take_frame() {
                assert_eq!(header.version, self.version);
                self.was_compressed = header.flags & FLAG_COMPRESSION != 0;
                if let (Form::Compressed(compression), true) = (self.form, self.was_compressed) {
                    header.flags &= !FLAG_COMPRESSION;
                    body = Bytes::from(decompress_body(compression, &body, LIMIT).expect("compressed"));
                }
                return (header, body);
            }
            let count = self.stream.read_buf(&mut self.read).await.expect("the server writes");
            assert!(count > 0, "the server closed the connection");
        }
    }

    async fn ask(&mut self, request: &Request<'_>) -> Response {
        self.send(request, false).await;
        self.frame().await.response
    }

    async fn prepare(&mut self, query: &str, keyspace: Option<&str>) -> PreparedStatement {
        match self.ask(&Request::Prepare { query, keyspace }).await {
            Response::Prepared(prepared) => prepared,
            other => panic!("{query}: {other:?}"),
        }
    }

    async fn is_closed(&mut self) -> bool {
        self.stream.read_buf(&mut self.read).await.is_ok_and(|count| count == 0)
    }
}

fn parameters() -> QueryParameters<'static> {
    QueryParameters::new(ConsistencyLevel::One)
}

fn rows(response: Response) -> Vec<Vec<Option<Bytes>>> {
    match response {
        Response::Rows(rows) => rows.rows,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_form_carries_small_and_large_requests_and_answers() {
    let served = serve(NodeConfig::default()).await;
    let forms = [
        (4, Form::Plain),
        (4, Form::Compressed(Compression::Lz4)),
        (4, Form::Compressed(Compression::Snappy)),
        (5, Form::Segments(SegmentFormat::Plain)),
        (5, Form::Segments(SegmentFormat::Lz4)),
    ];
    for (version, form) in forms {
        let mut client = Client::started(&served, version, form).await;
        for length in [10, 3_000, 400_000] {
            let value: Vec<u8> = (0..length).map(|i| (i / 100) as u8).collect();
            let values = vec![BoundValue::Bytes(&value)];
            let write = QueryParameters { values, ..parameters() };
            let insert = Request::Query { query: "INSERT INTO ks.t (k, v) VALUES (1, ?)", parameters: write };
            assert_eq!(client.ask(&insert).await, Response::Void, "{form:?} {length}");
            let read = client.ask(&query("SELECT v FROM ks.t WHERE k = 1")).await;
            assert_eq!(rows(read), [[Some(Bytes::from(value))]], "{form:?} {length}");
            assert_eq!(client.was_compressed, matches!(form, Form::Compressed(_)) && length > 10, "{form:?} {length}");
        }
        // Many at once.
        for _ in 0..100 {
            client.send(&query("SELECT k FROM ks.t WHERE k = 1"), false).await;
        }
        for _ in 0..100 {
            assert_eq!(rows(client.frame().await.response).len(), 1);
        }
    }
    assert_eq!((served.server.budget.under_way_bytes(), served.server.budget.receiving_bytes()), (0, 0));
}

#[tokio::test]
async fn what_cannot_be_agreed_on_is_refused_and_the_connection_closed() {
    let served = serve(NodeConfig::default()).await;
    let cases: [(u8, &str, &str); 3] = [
        (5, "snappy", "Snappy compression is not supported from protocol version 5 on; use lz4"),
        (5, "zstd", "Unknown compression algorithm: zstd"),
        (4, "deflate", "Unknown compression algorithm: deflate"),
    ];
    for (version, compression, message) in cases {
        let mut client = Client::connect(&served, version).await;
        let options = vec![("CQL_VERSION", "3.0.0"), ("COMPRESSION", compression)];
        let refused = client.ask(&Request::Startup(options)).await;
        assert_eq!(refused, Response::Error(CqlError::Protocol(message.to_owned())));
        assert!(client.is_closed().await);
    }
    let mut client = Client::started(&served, 4, Form::Plain).await;
    client.version = 5;
    let refused = client.ask(&Request::Options).await;
    assert!(
        matches!(&refused, Response::Error(CqlError::Protocol(m)) if m.contains("previous messages")),
        "{refused:?}"
    );
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_damaged_segment_is_refused_and_the_connection_closed() {
    let served = serve(NodeConfig::default()).await;
    let mut client = Client::started(&served, 5, Form::Segments(SegmentFormat::Plain)).await;
    let (mut frame, mut bytes) = (BytesMut::new(), BytesMut::new());
    encode_request(&mut frame, 5, 7, false, &Request::Options).expect("short");
    put_segments(&mut bytes, SegmentFormat::Plain, &frame);
    bytes[8] ^= 1;
    client.stream.write_all(&bytes).await.expect("the server reads");
    let refused = client.frame().await.response;
    let is_refused = matches!(&refused, Response::Error(CqlError::Protocol(m)) if m.contains("payload checksum"));
    assert!(is_refused, "{refused:?}");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_request_has_its_own_keyspace_and_its_own_now() {
    let served = serve(NodeConfig::default()).await;
    let mut client = Client::started(&served, 5, Form::Segments(SegmentFormat::Plain)).await;
    let unqualified = "INSERT INTO t (k, v) VALUES (5, 0x01) USING TTL 100";
    let refused = client.ask(&query(unqualified)).await;
    assert!(matches!(refused, Response::Error(CqlError::Invalid(_))), "{refused:?}");
    let now_s = 1_700_000_000;
    let of_ks = QueryParameters { keyspace: Some("ks"), now_s: Some(now_s), ..parameters() };
    let insert = Request::Query { query: unqualified, parameters: of_ks.clone() };
    assert_eq!(client.ask(&insert).await, Response::Void);
    for (later_s, left) in [(0, 1), (99, 1), (100, 0)] {
        let parameters = QueryParameters { now_s: Some(now_s + later_s), ..of_ks.clone() };
        let select = Request::Query { query: "SELECT ttl(v) FROM t WHERE k = 5", parameters };
        let read = rows(client.ask(&select).await);
        assert_eq!(read.iter().filter(|row| row[0].is_some()).count(), left, "{later_s}");
    }
    let (one, other) =
        (client.prepare("SELECT * FROM t", Some("ks")).await, client.prepare("SELECT * FROM t", Some("other")).await);
    assert_ne!(one.id, other.id);
    assert_ne!(one.result_metadata_id, other.result_metadata_id);
}

#[tokio::test]
async fn changed_columns_are_described_anew_under_a_new_id() {
    let served = serve(NodeConfig::default()).await;
    let mut client = Client::started(&served, 5, Form::Segments(SegmentFormat::Lz4)).await;
    let prepared = client.prepare("SELECT * FROM other.t", None).await;
    assert_eq!(prepared.result_metadata_id.len(), 16);
    let execute = |id: Bytes| {
        let parameters = QueryParameters { skip_metadata: true, ..parameters() };
        (id, parameters)
    };
    let (known, parameters) = execute(prepared.result_metadata_id.clone());
    let request = Request::Execute { id: &prepared.id, result_metadata_id: &known, parameters: parameters.clone() };
    let Response::Rows(read) = client.ask(&request).await else { panic!("rows") };
    assert_eq!((read.metadata.columns, read.metadata.new_metadata_id), (None, None));

    served.client().await.query("ALTER TABLE other.t ADD x text").await;
    let Response::Rows(read) = client.ask(&request).await else { panic!("rows") };
    let new_id = read.metadata.new_metadata_id.expect("a new id");
    assert_eq!(read.metadata.columns.map(|columns| columns.len()), Some(3));
    let again = Request::Execute { id: &prepared.id, result_metadata_id: &new_id, parameters };
    let Response::Rows(read) = client.ask(&again).await else { panic!("rows") };
    assert_eq!((read.metadata.columns, read.metadata.new_metadata_id), (None, None));
}

#[tokio::test]
async fn who_wants_a_trace_is_given_an_id() {
    let served = serve(NodeConfig::default()).await;
    let mut client = Client::started(&served, 4, Form::Plain).await;
    client.send(&query("SELECT * FROM ks.t"), true).await;
    let first = client.frame().await.tracing_id.expect("an id");
    client.send(&query("SELECT * FROM ks.t"), true).await;
    assert_ne!(client.frame().await.tracing_id.expect("an id"), first);
    client.send(&query("SELECT * FROM ks.t"), false).await;
    assert_eq!(client.frame().await.tracing_id, None);
}
