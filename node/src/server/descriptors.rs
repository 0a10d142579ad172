//! File descriptors: every connection takes one, and every file of the store.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Below this many a node with the usual number of clients and files will run out.
const WANTED: u64 = 65_536;

/// Raises the limit of this process to what it may be raised to; says so where that is little.
pub(super) fn raise_limit() {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    if before.current != before.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!("the limit of file descriptors stays {:?}: {error}", before.current);
    }
    if let Some(count) = getrlimit(Resource::Nofile).current.filter(|count| *count < WANTED) {
        tracing::warn!("at most {count} file descriptors: clients and files may need more (ulimit -n, LimitNOFILE)");
    }
}
