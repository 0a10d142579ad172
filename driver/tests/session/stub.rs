//! A few scripted servers on loopback that speak the protocol by the server's side of the codec. Each test says what
//! becomes of each request; the system tables answer by themselves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use starling_cql_lite::protocol::frame::{Direction, FLAG_CUSTOM_PAYLOAD, HEADER_BYTES};
use starling_cql_lite::protocol::response::{
    self, Prepared, ResponseHead, write_error, write_prepared, write_ready, write_set_keyspace, write_supported,
};
use starling_cql_lite::protocol::{Header, Request, RowsMetadata, RowsWriter, decode_header, decode_request};
use starling_driver::{Column, CqlError, CqlType, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

/// What becomes of a request.
pub enum Action {
    /// RESULT Void.
    Void,
    /// RESULT Rows: columns, rows, paging state.
    Rows(Vec<Column>, Vec<Vec<Value>>, Option<Bytes>),
    /// An error.
    Error(CqlError),
    /// RESULT Prepared: id, variables, indices of the partition key.
    Prepared(Vec<u8>, Vec<Column>, Vec<u16>),
    /// RESULT SetKeyspace.
    Keyspace(String),
    /// No answer.
    Silence,
    /// The connection is closed.
    Close,
    /// Bytes that are no frame.
    Garbage,
}

/// Says what becomes of a request at the node with this index. The text is `QUERY ...`, `PREPARE ...`,
/// `EXECUTE id` or `BATCH n`.
pub type Script = Arc<dyn Fn(usize, &str) -> Action + Send + Sync>;

struct Shared {
    addresses: Vec<SocketAddr>,
    tokens: Vec<i64>,
    script: Script,
    /// What each node was asked, system tables left out.
    asked: Mutex<BTreeMap<usize, Vec<String>>>,
    /// The stamps that the nodes tell; without them they are no nodes of Starling.
    told: Option<Mutex<Vec<u64>>>,
    /// Every request with the stamp that it carried, those for system tables included.
    carried: Mutex<Vec<(String, Option<u64>)>>,
}

/// The servers; they end with the test's runtime.
pub struct Stub {
    shared: Arc<Shared>,
}

impl Stub {
    /// Starts a server for each token; with replication factor 1 in keyspace `ks` each holds what is hashed up to its
    /// token.
    pub async fn start(tokens: &[i64], script: impl Fn(usize, &str) -> Action + Send + Sync + 'static) -> Stub {
        Stub::start_as(tokens, None, Arc::new(script)).await
    }

    /// The same with servers that take stamps, and tell these.
    pub async fn start_telling(
        tokens: &[i64],
        told: &[u64],
        script: impl Fn(usize, &str) -> Action + Send + Sync + 'static,
    ) -> Stub {
        Stub::start_as(tokens, Some(told.to_vec()), Arc::new(script)).await
    }

    async fn start_as(tokens: &[i64], told: Option<Vec<u64>>, script: Script) -> Stub {
        let mut listeners = Vec::new();
        for _ in tokens {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let shared = Arc::new(Shared {
            addresses: listeners.iter().map(|listener| listener.local_addr().unwrap()).collect(),
            tokens: tokens.to_vec(),
            script,
            asked: Mutex::default(),
            told: told.map(Mutex::new),
            carried: Mutex::default(),
        });
        for (index, listener) in listeners.into_iter().enumerate() {
            let shared = shared.clone();
            tokio::spawn(async move {
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(serve(socket, index, shared.clone()));
                }
            });
        }
        Stub { shared }
    }

    /// The first server's address.
    pub fn contact_point(&self) -> String {
        self.shared.addresses[0].to_string()
    }

    /// What a node was asked, in the order of arrival.
    pub fn asked(&self, index: usize) -> Vec<String> {
        self.shared.asked.lock().unwrap().get(&index).cloned().unwrap_or_default()
    }

    /// Each request that begins like this, anywhere, with the stamp that it carried.
    pub fn carried(&self, start: &str) -> Vec<(String, Option<u64>)> {
        let carried = self.shared.carried.lock().unwrap();
        carried.iter().filter(|(text, _)| text.starts_with(start)).cloned().collect()
    }

    /// A node tells another stamp from now on.
    pub fn tell(&self, index: usize, stamp: u64) {
        self.shared.told.as_ref().unwrap().lock().unwrap()[index] = stamp;
    }

    /// How often a request that begins like this was asked, anywhere.
    pub fn count(&self, start: &str) -> usize {
        (0..self.shared.tokens.len()).flat_map(|index| self.asked(index)).filter(|text| text.starts_with(start)).count()
    }
}

async fn serve(mut socket: TcpStream, index: usize, shared: Arc<Shared>) {
    let (mut read, mut written) = (BytesMut::new(), BytesMut::new());
    loop {
        while let Some(header) = decode_header(&read, Direction::Request, 1 << 20).unwrap() {
            if read.len() < HEADER_BYTES + header.body_length_bytes {
                break;
            }
            let frame = read.split_to(HEADER_BYTES + header.body_length_bytes).freeze();
            if !answer(&header, &frame[HEADER_BYTES..], index, &shared, &mut written) {
                return;
            }
        }
        if socket.write_all(&written).await.is_err() {
            return;
        }
        written.clear();
        if !matches!(socket.read_buf(&mut read).await, Ok(length) if length > 0) {
            return;
        }
    }
}

/// False if the connection is to be closed.
fn answer(header: &Header, body: &[u8], index: usize, shared: &Shared, out: &mut BytesMut) -> bool {
    let frame = decode_request(header, body).unwrap();
    let told = shared.told.as_ref().filter(|_| frame.stamp.is_some()).map(|told| told.lock().unwrap()[index]);
    let head = ResponseHead { stamp: told, ..ResponseHead::new(4, header.stream) };
    let request = frame.request;
    let note = |text: &str| {
        assert!(header.flags & !FLAG_CUSTOM_PAYLOAD == 0 && (header.flags == 0 || frame.stamp.is_some()));
        shared.carried.lock().unwrap().push((text.to_owned(), frame.stamp));
    };
    let text = match &request {
        Request::Options => {
            note("OPTIONS");
            let options: [(&str, &[&str]); 2] = [("CQL_VERSION", &["3.4.7"]), ("STARLING_STAMP", &["1"])];
            write_supported(out, &head, &options[..if shared.told.is_some() { 2 } else { 1 }]);
            return true;
        }
        Request::Startup(_) | Request::Register(_) => {
            note("STARTUP or REGISTER");
            write_ready(out, &head);
            return true;
        }
        Request::Query { query, .. } if query.contains(" system") => {
            note(query);
            let (columns, rows) = system_table(query, index, shared);
            write_rows(out, &head, &columns, &rows, None);
            return true;
        }
        Request::Query { query, parameters } => match parameters.paging_state {
            Some(state) => format!("QUERY {query} AFTER {}", String::from_utf8_lossy(state)),
            None => format!("QUERY {query}"),
        },
        Request::Prepare { query, .. } => format!("PREPARE {query}"),
        Request::Execute { id, .. } => format!("EXECUTE {}", String::from_utf8_lossy(id)),
        Request::Batch(batch) => format!("BATCH {}", batch.statements.len()),
        other => panic!("the driver never sends {other:?}"),
    };
    note(&text);
    let action = (shared.script)(index, &text);
    shared.asked.lock().unwrap().entry(index).or_default().push(text);
    match action {
        Action::Void => response::write_void(out, &head),
        Action::Rows(columns, rows, state) => write_rows(out, &head, &columns, &rows, state.as_deref()),
        Action::Error(error) => write_error(out, &head, &error),
        Action::Prepared(id, variables, partition_key) => {
            let prepared = Prepared {
                id: &id,
                result_metadata_id: &[],
                variables: &variables,
                partition_key_indices: &partition_key,
                result_columns: &[],
            };
            write_prepared(out, &head, &prepared);
        }
        Action::Keyspace(keyspace) => write_set_keyspace(out, &head, &keyspace),
        Action::Silence => {}
        Action::Close => return false,
        Action::Garbage => out.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    }
    true
}

fn write_rows(
    out: &mut BytesMut,
    head: &ResponseHead<'_>,
    columns: &[Column],
    rows: &[Vec<Value>],
    state: Option<&[u8]>,
) {
    let metadata = RowsMetadata { paging_state: state, ..RowsMetadata::new(columns) };
    let mut writer = RowsWriter::begin(out, head, &metadata);
    for row in rows {
        for (value, column) in row.iter().zip(columns) {
            writer.cell(value.encode(&column.cql_type).unwrap().as_deref());
        }
    }
    writer.finish();
}

/// A column of table `ks.t`.
pub fn column(name: &str, cql_type: CqlType) -> Column {
    Column { keyspace: "ks".to_owned(), table: "t".to_owned(), name: name.to_owned(), cql_type }
}

fn system_table(query: &str, index: usize, shared: &Shared) -> (Vec<Column>, Vec<Vec<Value>>) {
    let text_set = CqlType::Set(Box::new(CqlType::Text));
    let node = |index: usize| -> Vec<Value> {
        let address = shared.addresses[index];
        vec![
            Value::Uuid(Uuid::from_u128(index as u128 + 1)),
            "dc1".into(),
            "rack1".into(),
            Value::Set(vec![shared.tokens[index].to_string().as_str().into()]),
            address.ip().into(),
            Value::Int(address.port().into()),
        ]
    };
    let node_columns = vec![
        column("host_id", CqlType::Uuid),
        column("data_center", CqlType::Text),
        column("rack", CqlType::Text),
        column("tokens", text_set),
        column("native_address", CqlType::Inet),
        column("native_port", CqlType::Int),
    ];
    if query.starts_with("SELECT schema_version") {
        return (vec![column("schema_version", CqlType::Uuid)], vec![vec![Value::Uuid(Uuid::nil())]]);
    }
    if query.contains("system.local") {
        return (node_columns, vec![node(index)]);
    }
    if query.contains("system.peers") {
        return (node_columns, (0..shared.tokens.len()).filter(|peer| *peer != index).map(node).collect());
    }
    let replication = CqlType::Map(Box::new(CqlType::Text), Box::new(CqlType::Text));
    let columns = vec![column("keyspace_name", CqlType::Text), column("replication", replication)];
    let strategy = vec![("class".into(), "SimpleStrategy".into()), ("replication_factor".into(), "1".into())];
    (columns, vec![vec!["ks".into(), Value::Map(strategy)]])
}
