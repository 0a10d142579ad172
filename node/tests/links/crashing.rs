//! Nodes that end as a crash ends them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::endpoint::Endpoint;

/// An endpoint in a runtime of its own, which can be dropped as a crash drops a process: without a goodbye.
pub struct Crashing {
    runtime: Option<tokio::runtime::Runtime>,
    endpoint: Option<Endpoint>,
}

impl Crashing {
    pub async fn open(address: SocketAddr, number: u128, generation: u64, authority: &Path) -> Crashing {
        let authority = PathBuf::from(authority);
        let opening = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let endpoint = runtime.block_on(async { Endpoint::open_at(address, number, generation, &authority) });
            Crashing { runtime: Some(runtime), endpoint: Some(endpoint) }
        });
        opening.await.unwrap()
    }

    pub fn endpoint(&self) -> &Endpoint {
        self.endpoint.as_ref().unwrap()
    }

    /// The tasks stop where they are; then the socket is closed.
    pub async fn crash(&mut self) {
        let (runtime, endpoint) = (self.runtime.take(), self.endpoint.take());
        tokio::task::spawn_blocking(move || {
            drop(runtime);
            drop(endpoint);
        })
        .await
        .unwrap();
    }
}

impl Drop for Crashing {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
