//! One HTTP request to our own admin side: small enough that no client library is needed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Longest wait for the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for an answer. A change answers when it is made and known: longer than the node itself waits for that.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// An answer larger than this is not one of ours.
const ANSWER_MAX_BYTES: u64 = 64 << 20;

/// Asks for something to look at.
pub fn get(address: SocketAddr, path: &str) -> Result<Value> {
    request(address, "GET", path)
}

/// Asks for something to be done.
pub fn post(address: SocketAddr, path: &str) -> Result<Value> {
    request(address, "POST", path)
}

fn request(address: SocketAddr, method: &str, path: &str) -> Result<Value> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)
        .with_context(|| format!("no node answers at {address} (is it running? its admin port is 9180)"))?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    let read = stream.take(ANSWER_MAX_BYTES).read_to_string(&mut answer);
    read.with_context(|| format!("{address} did not answer: whether it was done is not known"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context("not an HTTP answer")?;
    let status = head.lines().next().unwrap_or_default();
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    if status.contains(" 200") {
        return Ok(answer);
    }
    // Ours say in words what is wrong.
    match answer["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => bail!("{address} answered {status}: {}", body.trim()),
    }
}
