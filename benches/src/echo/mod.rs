//! `starling bench echo-server`: the native protocol with canned answers. It tells what the client and the protocol cost
//! by themselves; whatever a database needs beyond that is its own.

mod answers;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::{Buf, BytesMut};
use clap::Args;
use starling_cql_lite::protocol::frame::{Direction, HEADER_BYTES};
use starling_cql_lite::protocol::response::{self, ResponseHead};
use starling_cql_lite::protocol::{CqlError, decode_header, decode_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use answers::Answers;

/// Longest body of a request; one buffer of each connection grows up to this.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Room that is kept for the next read of a connection.
const READ_BYTES: usize = 16 << 10;

/// Arguments of `starling bench echo-server`.
#[derive(Args, Clone, Debug)]
pub struct EchoArgs {
    /// Where to listen.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9042")]
    pub listen: SocketAddr,
    /// Threads that serve connections.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub threads: u32,
    /// Size of the value in each row that is answered, in bytes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=16 << 20))]
    pub value_bytes: u32,
    /// Rows of the answer to a slice.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub slice_rows: u32,
}

/// Serves until the process is ended. Prints `ready cql=IP:PORT` once clients can connect.
///
/// # Errors
/// If the address cannot be listened on.
pub fn run(args: &EchoArgs) -> Result<()> {
    let threads = args.threads as usize;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(async {
        let listener =
            TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
        println!("ready cql={}", listener.local_addr()?);
        serve(listener, args).await
    })
}

async fn serve(listener: TcpListener, args: &EchoArgs) -> Result<()> {
    let answers = Answers::new(listener.local_addr()?.ip(), args.value_bytes as usize, args.slice_rows);
    let answers = std::sync::Arc::new(answers);
    loop {
        let (socket, _) = listener.accept().await?;
        let answers = answers.clone();
        // A connection that fails is the client's affair: it reconnects.
        tokio::spawn(async move { connection(socket, &answers).await.unwrap_or_default() });
    }
}

/// Answers what has arrived with one write, then reads again.
async fn connection(mut socket: TcpStream, answers: &Answers) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let (mut input, mut output) = (BytesMut::with_capacity(READ_BYTES), BytesMut::with_capacity(READ_BYTES));
    loop {
        input.reserve(READ_BYTES);
        if socket.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let is_open = answer_all(&mut input, &mut output, answers);
        socket.write_all(&output).await?;
        output.clear();
        if !is_open {
            return Ok(());
        }
    }
}

/// Answers every whole request in `input`; false if what follows cannot be told apart any more.
fn answer_all(input: &mut BytesMut, output: &mut BytesMut, answers: &Answers) -> bool {
    loop {
        let header = match decode_header(input, Direction::Request, BODY_BYTES_MAX) {
            Ok(Some(header)) if header.version == 4 => header,
            Ok(Some(header)) => {
                // In these words clients take the next lower version.
                let text = format!(
                    "Invalid or unsupported protocol version ({}); supported versions are (4/v4)",
                    header.version
                );
                response::write_error(output, &ResponseHead::new(4, header.stream), &CqlError::Protocol(text));
                return false;
            }
            Ok(None) => return true,
            Err(error) => {
                response::write_frame_error(output, &error);
                return false;
            }
        };
        let length = HEADER_BYTES + header.body_length_bytes;
        let Some(body) = input.get(HEADER_BYTES..length) else {
            return true;
        };
        match decode_request(&header, body) {
            Ok(frame) => answers.answer(header.stream, &frame.request, output),
            Err(error) => response::write_error(output, &ResponseHead::new(4, header.stream), &error),
        }
        input.advance(length);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A request of version 4 by hand: what the codec's own writer does not decide.
    fn request(stream: u8, opcode: u8, body: &[u8]) -> Vec<u8> {
        let mut frame = vec![4, 0, 0, stream, opcode];
        frame.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        frame.extend(body);
        frame
    }

    fn long_string(text: &str) -> Vec<u8> {
        let mut bytes = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes
    }

    /// Stream, opcode and body of each answer.
    fn answers(requests: &[Vec<u8>]) -> Vec<(i16, u8, Vec<u8>)> {
        let answers = Answers::new("127.0.0.1".parse().unwrap(), 5, 2);
        let (mut input, mut output) = (BytesMut::from(requests.concat().as_slice()), BytesMut::new());
        assert!(answer_all(&mut input, &mut output, &answers));
        assert!(input.is_empty());
        let mut found = Vec::new();
        while let Some(header) = decode_header(&output, Direction::Response, BODY_BYTES_MAX).unwrap() {
            let frame = output.split_to(HEADER_BYTES + header.body_length_bytes);
            found.push((header.stream, frame[4], frame[HEADER_BYTES..].to_vec()));
        }
        found
    }

    const QUERY: u8 = 7;
    const PREPARE: u8 = 9;
    const EXECUTE: u8 = 10;
    const ERROR: u8 = 0;
    const RESULT: u8 = 8;

    #[test]
    fn every_request_has_its_answer_in_order() {
        let id = |number: u8| [&[0, 1, number][..], &[0, 1, 0]].concat();
        let found = answers(&[
            request(1, 5, &[]),
            request(2, PREPARE, &long_string("INSERT INTO starling_bench.points (key, value) VALUES (?, ?)")),
            request(3, EXECUTE, &id(0)),
            request(4, EXECUTE, &id(1)),
            request(5, EXECUTE, &id(9)),
        ]);
        let kinds: Vec<(i16, u8)> = found.iter().map(|(stream, opcode, _)| (*stream, *opcode)).collect();
        assert_eq!(kinds, [(1, 6), (2, RESULT), (3, RESULT), (4, RESULT), (5, ERROR)]);
        // RESULT Void, and RESULT Rows that end with the only value.
        assert_eq!(found[2].2, [0, 0, 0, 1]);
        assert!(
            found[3].2.starts_with(&[0, 0, 0, 2]) && found[3].2.ends_with(&[0, 0, 0, 1, 0, 0, 0, 5, 7, 7, 7, 7, 7])
        );
    }

    #[test]
    fn system_tables_are_known_by_their_columns() {
        let query = |text: &str| request(1, QUERY, &[long_string(text), vec![0, 1, 0]].concat());
        let found = answers(&[
            query("SELECT host_id FROM system.local WHERE key='local'"),
            query("SELECT host_id FROM system.peers"),
            query("SELECT keyspace_name FROM system_schema.scylla_tables"),
        ]);
        assert!(found[0].2.ends_with(&[0, 0, 0, 0, 0, 0, 0, 1]) && found[1].2.ends_with(&[0, 0, 0, 0]));
        assert_eq!((found[2].1, &found[2].2[..4]), (ERROR, &[0, 0, 0x22, 0][..]));
    }

    #[test]
    fn a_request_that_is_not_whole_waits_and_version_5_is_refused() {
        let answers = Answers::new("127.0.0.1".parse().unwrap(), 5, 2);
        let mut output = BytesMut::new();
        let whole = request(1, 5, &[]);
        let mut input = BytesMut::from(&whole[..8]);
        assert!(answer_all(&mut input, &mut output, &answers) && output.is_empty());
        let mut input = BytesMut::from(&[5, 0, 0, 1, 5, 0, 0, 0, 0][..]);
        assert!(!answer_all(&mut input, &mut output, &answers));
        assert!(String::from_utf8_lossy(&output).contains("supported versions are (4/v4)"));
    }
}
