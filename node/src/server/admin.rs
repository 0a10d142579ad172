//! The admin side: HTTP on loopback with health, metrics and the figures behind `starling admin`.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use starling_ring::HostId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::changes::{AdminChange, Refused};

/// Connections at a time; one more is closed at once. Bounds: a few for each scraper and probe, far below the
/// descriptors.
const CONNECTIONS_MAX: usize = 64;
/// A request's header comes within this time, the first and each that follows.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest header in bytes, and what is kept of an answer that is not read.
const BUFFER_BYTES_MAX: usize = 16 << 10;
/// A connection ends after this time whatever happens on it; scrapers and probes connect again.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// Between two attempts to accept when there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a change ended.
pub type ChangeFuture = Pin<Box<dyn Future<Output = Result<Value, Refused>> + Send>>;

/// What the admin side shows and does.
pub trait AdminSource: Send + Sync + 'static {
    /// Open for clients.
    fn is_ready(&self) -> bool;
    /// Why it is not open yet.
    fn waiting_for(&self) -> String;
    /// Members as JSON.
    fn status(&self) -> serde_json::Value;
    /// Prometheus text.
    fn metrics(&self) -> String;
    /// The log with so many of its last entries at most, as JSON; `None` before this node belongs to a cluster.
    fn log(&self, entries_max: usize) -> Option<Value>;
    /// Carries out a change.
    fn change(&self, change: AdminChange) -> ChangeFuture;
}

type Source = Arc<dyn AdminSource>;

/// Listens and serves until the runtime ends.
pub async fn serve(address: SocketAddr, source: Source) -> Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("listening on TCP {address} (admin)"))?;
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/v1/status", get(status))
        .route("/v1/log", get(log))
        .route("/v1/log/recover", post(recover))
        .route("/v1/log/readmit", post(readmit))
        .route("/v1/members/remove", post(remove))
        .with_state(source);
    tokio::spawn(accept(listener, router));
    Ok(())
}

async fn accept(listener: TcpListener, router: Router) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(permit) = room.clone().try_acquire_owned() else { continue };
                let router = router.clone();
                tokio::spawn(async move {
                    let _permit = permit;
                    // How it ended is the client's business.
                    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, serve_connection(stream, router)).await;
                });
            }
            Err(error) => {
                tracing::warn!("a connection to the admin side cannot be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) -> hyper::Result<()> {
    let service = TowerToHyperService::new(router);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn readyz(State(source): State<Source>) -> (StatusCode, String) {
    if source.is_ready() {
        (StatusCode::OK, "ok\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", source.waiting_for()))
    }
}

/// On a thread of its own: some of it is read from files.
async fn metrics(State(source): State<Source>) -> Result<([(&'static str, &'static str); 1], String), StatusCode> {
    let page = tokio::task::spawn_blocking(move || source.metrics()).await;
    let page = page.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], page))
}

async fn status(State(source): State<Source>) -> axum::Json<serde_json::Value> {
    axum::Json(source.status())
}

async fn log(State(source): State<Source>, RawQuery(query): RawQuery) -> Response {
    let entries_max = match argument(query.as_deref(), "entries") {
        None => usize::MAX,
        Some(text) => match text.parse() {
            Ok(count) => count,
            Err(_) => return refused(&Refused::new(StatusCode::BAD_REQUEST, "entries has to be a number")),
        },
    };
    match source.log(entries_max) {
        Some(log) => axum::Json(log).into_response(),
        None => {
            let error = format!("this node belongs to no cluster yet: {}", source.waiting_for());
            refused(&Refused::new(StatusCode::SERVICE_UNAVAILABLE, error))
        }
    }
}

async fn recover(State(source): State<Source>, headers: HeaderMap) -> Response {
    change(&source, &headers, Ok(AdminChange::Recover)).await
}

async fn readmit(State(source): State<Source>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    change(&source, &headers, host_id(query.as_deref()).map(AdminChange::Readmit)).await
}

async fn remove(State(source): State<Source>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    change(&source, &headers, host_id(query.as_deref()).map(AdminChange::Remove)).await
}

async fn change(source: &Source, headers: &HeaderMap, change: Result<AdminChange, Refused>) -> Response {
    if headers.contains_key(header::ORIGIN) {
        // Any page can make a browser on this machine send a POST to loopback; it says where it comes from.
        let error = "changes are not taken from web pages (the request has an Origin header)";
        return refused(&Refused::new(StatusCode::FORBIDDEN, error));
    }
    let change = match change {
        Ok(change) => change,
        Err(refusal) => return refused(&refusal),
    };
    tracing::info!("asked on the admin side: {change:?}");
    match source.change(change).await {
        Ok(done) => axum::Json(done).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refused) -> Response {
    (refusal.status, axum::Json(json!({ "error": refusal.error }))).into_response()
}

fn host_id(query: Option<&str>) -> Result<HostId, Refused> {
    let text = argument(query, "host_id").unwrap_or_default();
    let wrong = |_| Refused::new(StatusCode::BAD_REQUEST, "host_id has to be a member's host id, a UUID");
    text.parse().map(HostId).map_err(wrong)
}

/// An argument of a request; numbers and UUIDs need no escapes.
fn argument<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    query?.split('&').find_map(|part| part.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_requests() {
        assert_eq!(argument(Some("a=1&entries=20&b"), "entries"), Some("20"));
        assert_eq!((argument(Some("xentries=1"), "entries"), argument(None, "entries")), (None, None));
        let id = "1ce72396-7c1f-4f8e-9b1d-0a1b2c3d4e5f";
        assert_eq!(host_id(Some(&format!("host_id={id}"))).map(|host| host.to_string()), Ok(id.to_owned()));
        for wrong in [None, Some(""), Some("host_id="), Some("host_id=7"), Some("host=1")] {
            assert_eq!(host_id(wrong).map_err(|refusal| refusal.status), Err(StatusCode::BAD_REQUEST));
        }
    }
}
