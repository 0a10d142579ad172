//! SIGTERM drains, restarts keep data.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use starling_driver::Session;
use tokio::task::JoinSet;

use crate::data::{connect, is_there, make_table, write};
use crate::harness::{Cluster, wait_until_async};

const WRITERS: i64 = 16;
/// Acknowledgements before the node is stopped.
const BEFORE: usize = 400;

/// Writers that go on until they are told to end; what was acknowledged to them.
struct Writers {
    tasks: JoinSet<()>,
    end: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<i64>>>,
}

impl Writers {
    fn start(session: &Session) -> Writers {
        let (end, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let next = Arc::new(AtomicI64::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..WRITERS {
            let (session, next) = (session.clone(), next.clone());
            let (end, acknowledged) = (end.clone(), acknowledged.clone());
            tasks.spawn(async move {
                while !end.load(Ordering::Relaxed) {
                    let key = next.fetch_add(1, Ordering::Relaxed);
                    match write(&session, key).await {
                        Ok(()) => acknowledged.lock().unwrap().push(key),
                        // Refused or unknown: nothing was promised. Nobody is there for a while.
                        Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                    }
                }
            });
        }
        Writers { tasks, end, acknowledged }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    async fn finish(self) -> Vec<i64> {
        self.end.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        std::mem::take(&mut self.acknowledged.lock().unwrap())
    }
}

async fn audit(session: &Session, acknowledged: &[i64]) {
    let mut lost = Vec::new();
    for key in acknowledged {
        if !is_there(session, *key).await {
            lost.push(*key);
        }
    }
    assert!(lost.is_empty(), "{} of {} acknowledged writes are lost: {lost:?}", lost.len(), acknowledged.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_node_drains_and_keeps_what_it_acknowledged() {
    let mut cluster = Cluster::of("drain-one", 1);
    let session = connect(&cluster).await;
    make_table(&session, 1).await;
    let writers = Writers::start(&session);
    wait_until_async("some are acknowledged", async || writers.count() >= BEFORE).await;
    let ended = cluster.node(0).stop();
    assert!(ended.success(), "{ended}\n{}", cluster.node(0).log_tail());
    let acknowledged = writers.finish().await;
    cluster.node(0).start();
    audit(&connect(&cluster).await, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_drain_one_after_the_other_under_writes_and_keep_what_they_acknowledged() {
    let mut cluster = Cluster::of("drain-three", 3);
    let session = connect(&cluster).await;
    make_table(&session, 3).await;
    let writers = Writers::start(&session);
    for index in 0..3 {
        let before = writers.count();
        wait_until_async("some are acknowledged", async || writers.count() >= before + BEFORE).await;
        let ended = cluster.node(index).stop();
        assert!(ended.success(), "{ended}\n{}", cluster.node(index).log_tail());
        let before = writers.count();
        wait_until_async("writes go on without it", async || writers.count() >= before + BEFORE).await;
        cluster.node(index).start();
    }
    let acknowledged = writers.finish().await;
    // And all at once, in order and not.
    for index in 0..3 {
        assert!(cluster.node(index).stop().success());
    }
    for index in 0..3 {
        cluster.node(index).begin();
    }
    for index in 0..3 {
        cluster.node(index).wait_until_ready();
        cluster.node(index).kill();
    }
    for index in 0..3 {
        cluster.node(index).begin();
    }
    for index in 0..3 {
        cluster.node(index).wait_until_ready();
    }
    audit(&connect(&cluster).await, &acknowledged).await;
}
