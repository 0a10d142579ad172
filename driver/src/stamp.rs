//! The highest stamp that a session was told: what it asks for next is later, whichever node does it.

use std::sync::atomic::{AtomicU64, Ordering};

use starling_cql_lite::protocol::client::{Response, ResponseFrame};
use starling_cql_lite::protocol::payload::{STAMP_OPTION, STAMP_VERSION};
use starling_cql_lite::protocol::{CqlError, Request};

/// Only ever grows; 0 before anything was told. Whoever hands a session's work to another task orders the accesses.
#[derive(Debug, Default)]
pub(crate) struct HighestStamp(AtomicU64);

impl HighestStamp {
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn observe(&self, stamp: u64) {
        self.0.fetch_max(stamp, Ordering::Relaxed);
    }

    /// Follows an answer. Of one that says that nothing was done here nothing follows: the clock of a node that refuses to
    /// coordinate may be far ahead, and no other would do anything for a session that followed it.
    pub fn follow(&self, answer: &ResponseFrame) {
        if let Some(stamp) = answer.stamp
            && !matches!(answer.response, Response::Error(CqlError::IsBootstrapping(_)))
        {
            self.observe(stamp);
        }
    }
}

/// Whether a server that answers OPTIONS like this takes stamps.
pub(crate) fn takes_stamps(options: &[(String, Vec<String>)]) -> bool {
    options.iter().any(|(name, versions)| name == STAMP_OPTION && versions.iter().any(|known| known == STAMP_VERSION))
}

/// Whether something is read or written for this request.
pub(crate) fn is_stamped(request: &Request<'_>) -> bool {
    matches!(request, Request::Query { .. } | Request::Execute { .. } | Request::Batch(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(stamp: Option<u64>, response: Response) -> ResponseFrame {
        ResponseFrame { tracing_id: None, warnings: Vec::new(), stamp, response }
    }

    #[test]
    fn it_only_grows_and_refusals_do_not_count() {
        let highest = HighestStamp::default();
        assert_eq!(highest.get(), 0);
        for (stamp, expected) in [(Some(5), 5), (Some(3), 5), (None, 5), (Some(7), 7)] {
            highest.follow(&answer(stamp, Response::Void));
            assert_eq!(highest.get(), expected);
        }
        highest.follow(&answer(Some(9), Response::Error(CqlError::IsBootstrapping("its clock is wrong".into()))));
        assert_eq!(highest.get(), 7);
        highest.follow(&answer(Some(9), Response::Error(CqlError::invalid("no such table"))));
        assert_eq!(highest.get(), 9);
        highest.observe(8);
        assert_eq!(highest.get(), 9);
    }

    #[test]
    fn stamps_are_taken_by_who_says_so() {
        let options = |name: &str, versions: &[&str]| {
            vec![("CQL_VERSION".to_owned(), vec!["3.4.7".to_owned()]), (name.to_owned(), strings(versions))]
        };
        assert!(takes_stamps(&options("STARLING_STAMP", &["1"])));
        assert!(takes_stamps(&options("STARLING_STAMP", &["2", "1"])));
        assert!(!takes_stamps(&options("STARLING_STAMP", &["2"])), "another form of it");
        assert!(!takes_stamps(&options("COMPRESSION", &["1"])));
        assert!(!takes_stamps(&[]));
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }
}
