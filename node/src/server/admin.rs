//! The admin side: HTTP on loopback with health, metrics and the figures behind `starling admin`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

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
    let listener =
        tokio::net::TcpListener::bind(address).await.with_context(|| format!("listening on TCP {address} (admin)"))?;
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/v1/status", get(status))
        .with_state(source);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the admin side ended: {error}");
        }
    });
    Ok(())
}

async fn readyz(State(source): State<Source>) -> (StatusCode, String) {
    if source.is_ready() {
        (StatusCode::OK, "ok\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", source.waiting_for()))
    }
}

async fn metrics(State(source): State<Source>) -> ([(&'static str, &'static str); 1], String) {
    ([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], source.metrics())
}

async fn status(State(source): State<Source>) -> axum::Json<serde_json::Value> {
    axum::Json(source.status())
}
