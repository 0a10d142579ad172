//! The acceptor: what one member has promised and accepted for one decree.

use serde::{Deserialize, Serialize};

use super::Ballot;

/// What an acceptor has promised and accepted. It has to be durable before an answer that was made from it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance<V> {
    /// The highest ballot that was promised: lower ones are refused.
    pub promised: Option<Ballot>,
    /// The last value that was accepted, and in which ballot.
    pub accepted: Option<(Ballot, V)>,
}

/// An acceptor's answer to either message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer<V> {
    /// Nothing below this ballot will be accepted any more; what was accepted before.
    Promised(Option<(Ballot, V)>),
    /// The value is accepted.
    Accepted,
    /// A higher ballot was promised to somebody.
    Refused(Ballot),
}

impl<V> Default for Acceptance<V> {
    fn default() -> Self {
        Acceptance { promised: None, accepted: None }
    }
}

impl<V: Clone> Acceptance<V> {
    /// Asked to promise. A message that arrives again is answered again.
    pub fn on_prepare(&mut self, ballot: Ballot) -> Answer<V> {
        match self.promised {
            Some(promised) if promised > ballot => Answer::Refused(promised),
            _ => {
                self.promised = Some(ballot);
                Answer::Promised(self.accepted.clone())
            }
        }
    }

    /// Asked to accept.
    pub fn on_accept(&mut self, ballot: Ballot, value: V) -> Answer<V> {
        match self.promised {
            Some(promised) if promised > ballot => Answer::Refused(promised),
            _ => {
                self.promised = Some(ballot);
                self.accepted = Some((ballot, value));
                Answer::Accepted
            }
        }
    }
}
