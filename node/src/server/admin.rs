//! The admin side: HTTP on loopback with health, metrics and the figures behind `starling admin`.

use std::net::SocketAddr;
use std::sync::Arc;

use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

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

/// What the admin side shows.
pub trait AdminSource: Send + Sync + 'static {
    /// Open for clients.
    fn is_ready(&self) -> bool;
    /// Why it is not open yet.
    fn waiting_for(&self) -> String;
    /// Members as JSON.
    fn status(&self) -> serde_json::Value;
    /// Prometheus text.
    fn metrics(&self) -> String;
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
