//! A client of one node and no other: what it is told, that node has said.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use starling_cql_lite::protocol::CqlError;
use starling_cql_lite::protocol::client::{Response, encode_request};
use starling_cql_lite::protocol::request::{QueryParameters, Request};
use starling_ring::ConsistencyLevel;

use crate::harness::{HANG_GUARD, take_response};

/// Cells of the rows of an answer.
pub type Cells = Vec<Vec<Option<Bytes>>>;

/// Why a request has no answer that it asked for.
#[derive(Debug)]
pub enum Failure {
    /// The node has answered with an error.
    Error(CqlError),
    /// The connection was lost.
    Lost(#[allow(dead_code, reason = "printed")] String),
}

/// A connection, one request at a time.
pub struct Client {
    stream: TcpStream,
    read: BytesMut,
}

impl Client {
    /// Connects; panics if the node does not serve clients.
    pub fn connect(address: Ipv4Addr) -> Client {
        Client::open(address, HANG_GUARD).unwrap()
    }

    /// Connects if the node serves clients. No answer is waited for longer than `timeout`.
    pub fn open(address: Ipv4Addr, timeout: Duration) -> std::io::Result<Client> {
        let stream = TcpStream::connect((address, 9042))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        let mut client = Client { stream, read: BytesMut::new() };
        match client.ask(&Request::Startup(vec![("CQL_VERSION", "3.0.0")]))? {
            Response::Ready => Ok(client),
            other => Err(std::io::Error::other(format!("{other:?}"))),
        }
    }

    /// Runs a statement.
    pub fn query(&mut self, cql: &str, level: ConsistencyLevel) -> Result<Cells, Failure> {
        match self.ask(&Request::Query { query: cql, parameters: QueryParameters::new(level) }) {
            Ok(Response::Error(error)) => Err(Failure::Error(error)),
            Ok(Response::Rows(rows)) => Ok(rows.rows),
            Ok(_) => Ok(Vec::new()),
            Err(error) => Err(Failure::Lost(error.to_string())),
        }
    }

    /// The texts of a statement's rows, which have text columns only.
    pub fn texts(&mut self, cql: &str) -> Vec<Vec<String>> {
        let rows = self.query(cql, ConsistencyLevel::One).unwrap();
        let text = |cell: Option<Bytes>| String::from_utf8(cell.unwrap_or_default().to_vec()).unwrap();
        rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect()
    }

    fn ask(&mut self, request: &Request<'_>) -> std::io::Result<Response> {
        let mut frame = BytesMut::new();
        encode_request(&mut frame, 4, 1, false, request).expect("it is short");
        self.stream.write_all(&frame)?;
        let mut chunk = [0; 16 << 10];
        loop {
            if let Some(response) = take_response(&mut self.read) {
                return Ok(response);
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => self.read.extend_from_slice(&chunk[..count]),
            }
        }
    }
}
