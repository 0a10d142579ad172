//! A client's connection that sends whatever it is told to.

use bytes::BytesMut;
use starling_cql_lite::protocol::client::{Response, encode_request};
use starling_cql_lite::protocol::request::{QueryParameters, Request};
use starling_ring::ConsistencyLevel;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::take_response;

/// Why an attack is over: the server has closed the connection, which is its right.
pub type Outcome = std::io::Result<()>;

/// A connection.
pub struct Client {
    pub stream: TcpStream,
    read: BytesMut,
}

/// A frame of that version.
pub fn frame(version: u8, request: &Request<'_>) -> Vec<u8> {
    let mut frame = BytesMut::new();
    encode_request(&mut frame, version, 7, false, request).expect("it is short");
    frame.to_vec()
}

/// A QUERY.
pub fn query(version: u8, text: &str) -> Vec<u8> {
    frame(version, &Request::Query { query: text, parameters: QueryParameters::new(ConsistencyLevel::One) })
}

impl Client {
    /// Connects and says nothing yet.
    pub async fn connect(address: &str) -> std::io::Result<Client> {
        Ok(Client { stream: TcpStream::connect(address).await?, read: BytesMut::new() })
    }

    /// Connects and begins, with a compression or none.
    pub async fn started(address: &str, version: u8, compression: &str) -> std::io::Result<Client> {
        let mut client = Client::connect(address).await?;
        let mut options = vec![("CQL_VERSION", "3.0.0")];
        options.extend(Some(("COMPRESSION", compression)).filter(|(_, name)| !name.is_empty()));
        client.send(&frame(version, &Request::Startup(options))).await?;
        match client.answer().await? {
            Response::Ready => Ok(client),
            other => panic!("STARTUP is answered by {other:?}"),
        }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> Outcome {
        self.stream.write_all(bytes).await
    }

    /// The next answer, of a connection whose frames are neither compressed nor in segments.
    pub async fn answer(&mut self) -> std::io::Result<Response> {
        loop {
            if let Some(response) = take_response(&mut self.read) {
                return Ok(response);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Drops what has come, whatever it is.
    pub fn drop_answers(&mut self) -> Outcome {
        let mut chunk = [0; 64 << 10];
        loop {
            match self.stream.try_read(&mut chunk) {
                Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the server closes the connection.
    pub async fn until_closed(&mut self) -> Outcome {
        let mut chunk = [0; 4 << 10];
        while self.stream.read(&mut chunk).await? > 0 {}
        Ok(())
    }
}
