//! The oracle of the log: what its clients were told, and what the nodes have, at any time and in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starling_node::cluster::{Change, Entry, LogPosition, Metadata};
use starling_node::message::ClusterMessage;
use starling_node::paxos::Answer;
use starling_ring::HostId;

use super::clients::Wish;
use super::history::History;
use crate::violations::Violations;

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Done, and something was changed.
    Made,
    /// Done, and there was nothing to change.
    Nothing,
    /// It was not made, for certain.
    Refused,
    /// It may be made or not: the node said so, or died.
    Unknown,
}

/// All that must hold.
#[derive(Default)]
pub struct Oracle {
    pub history: History,
    wishes: BTreeMap<u64, Wish>,
    told: BTreeMap<u64, Told>,
    /// Members that somebody asked to leave or to readmit, and whether that was refused.
    member_wishes: BTreeMap<(HostId, &'static str), bool>,
    pub violations: Violations,
}

impl Oracle {
    /// A client asks for a change.
    pub fn asks(&mut self, wish: Wish) {
        self.wishes.insert(wish.number, wish);
    }

    /// It was told what became of it.
    pub fn is_told(&mut self, at_us: u64, wish: u64, told: Told) {
        if self.told.insert(wish, told).is_some() {
            self.violations.note(at_us, format!("wish {wish} was answered twice"));
        }
        let decided = self.history.decided(wish);
        match (told, decided) {
            (Told::Made, None) => self.violations.note(at_us, format!("wish {wish} is done, and in no entry")),
            (Told::Nothing | Told::Refused, Some(position)) => {
                self.violations
                    .note(at_us, format!("wish {wish} was answered with {told:?}, and it is entry {position}"));
            }
            _ => {}
        }
    }

    /// Somebody asks for a change of a member; of the kind that its entry has.
    pub fn asks_of_member(&mut self, host: HostId, kind: &'static str) {
        self.member_wishes.insert((host, kind), false);
    }

    /// Whether an answer would tell anything: a second request could not be told from the first.
    pub fn may_ask_of_member(&self, host: HostId, kind: &'static str) -> bool {
        !self.member_wishes.contains_key(&(host, kind))
    }

    /// Whether a wish was made.
    pub fn is_done(&self, wish: u64) -> bool {
        self.told.get(&wish) == Some(&Told::Made)
    }

    /// It was refused for certain.
    pub fn refused_of_member(&mut self, at_us: u64, host: HostId, kind: &'static str) {
        self.member_wishes.insert((host, kind), true);
        if self.history.entries().any(|entry| kind_of(entry) == Some((host, kind))) {
            self.violations.note(at_us, format!("{kind} of {host} was refused, and it is in the log"));
        }
    }

    /// A node has `metadata`, of which it stored what comes up to `position`; `entries` are those that lead there.
    pub fn observe<'a>(
        &mut self,
        at_us: u64,
        metadata: &Arc<Metadata>,
        entries: impl Iterator<Item = &'a Arc<Entry>>,
        position: LogPosition,
    ) {
        self.history.observe(metadata, entries, position, &self.wishes);
        for problem in self.history.take_problems() {
            self.violations.note(at_us, problem);
        }
        self.check_new_entries(at_us);
    }

    /// What was refused is never decided later.
    fn check_new_entries(&mut self, at_us: u64) {
        for entry in self.history.take_fresh() {
            if let Some(key) = kind_of(&entry)
                && self.member_wishes.get(&key) != Some(&false)
            {
                self.violations.note(at_us, format!("nobody asked for {entry}, or it was refused"));
            }
            let wish = super::clients::wish_of(&entry.summary);
            let told = wish.and_then(|wish| self.told.get(&wish)).copied();
            if let Some(Told::Refused | Told::Nothing) = told {
                self.violations.note(at_us, format!("{entry} was answered with {told:?} before it was decided"));
            }
        }
    }

    /// A node sends a message of the protocol that decides: it must be entitled to.
    pub fn sends(&mut self, at_us: u64, from: HostId, message: &ClusterMessage) {
        let (position, decides) = match message {
            ClusterMessage::Prepare { position, .. } => (*position, false),
            ClusterMessage::Accept { entry, .. } => (entry.position, false),
            ClusterMessage::Answer { position, answer, .. } => {
                (*position, matches!(**answer, Answer::Promised(_) | Answer::Accepted))
            }
            _ => return,
        };
        let Some(before) = self.history.predecessor(position) else { return };
        let is_entitled = before.standing(from).is_admitted() && (!decides || before.deciders.contains(&from));
        if !is_entitled {
            let standing = before.standing(from).name();
            self.violations.note(at_us, format!("{from} ({standing}) takes part in the decision of {position}"));
        }
    }

    /// The end: what all live nodes have.
    pub fn finish(&mut self, at_us: u64, nodes: &[Arc<Metadata>]) {
        let Some(last) = nodes.first().cloned() else {
            return self.violations.note(at_us, "no node is left");
        };
        if nodes.iter().any(|metadata| **metadata != *last) {
            self.violations.note(at_us, format!("the nodes stand on {} with different contents", last.position));
        }
        let made: Vec<u64> = self.told.iter().filter(|(_, told)| **told == Told::Made).map(|(wish, _)| *wish).collect();
        for wish in made {
            // What a recovery gave up is the one thing that may be undone.
            let is_kept = |at: LogPosition| last.continues(at) || at.generation < last.position.generation;
            if !self.history.decided(wish).is_some_and(is_kept) {
                self.violations.note(at_us, format!("wish {wish} was done and is not in the log any more"));
            }
        }
    }

    /// Where nodes stand now; `true` if all on one entry.
    pub fn is_one_position(positions: impl Iterator<Item = LogPosition>) -> bool {
        positions.collect::<BTreeSet<_>>().len() == 1
    }
}

/// Which member an entry is about, of those that somebody has to ask for.
fn kind_of(entry: &Entry) -> Option<(HostId, &'static str)> {
    match &entry.change {
        Change::Leaving(host) | Change::Readmitted(host) => Some((*host, entry.change.kind())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use starling_node::cluster::EntryId;
    use starling_node::paxos::Ballot;
    use uuid::Uuid;

    use super::super::machine::Machine;
    use super::super::shape::Shape;
    use super::*;
    use crate::random::Random;

    fn founded() -> Arc<Metadata> {
        let mut random = Random::new(1);
        let shape = Shape::drawn(&mut random);
        let founder = Machine::new(0, &shape, Vec::new(), &mut random).identity.member;
        Arc::new(Metadata::found(Uuid::from_u128(1), "c".into(), founder))
    }

    fn entry(metadata: &Metadata, summary: &str, change: Change) -> Arc<Entry> {
        let id = EntryId { proposer: metadata.members[0].host_id, life: 1, number: 1 };
        let (position, deciders) = (metadata.position.next(), metadata.deciders.clone());
        Arc::new(Entry { position, id, proposed_at_ms: 0, summary: summary.into(), change, deciders })
    }

    /// An oracle that has seen one wish in the log, and what comes of it.
    fn with_wish() -> (Oracle, Arc<Metadata>) {
        let mut oracle = Oracle::default();
        let before = founded();
        let text = "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
        let wish = Wish::new(1, text.into(), Uuid::nil(), BTreeMap::from([("dc1".to_owned(), 1)])).unwrap();
        let schema = wish.apply(&before.schema).unwrap().schema;
        let change = Change::Schema(starling_node::schema::SchemaDelta::between(&before.schema, &schema));
        oracle.asks(wish);
        oracle.observe(0, &before, [].into_iter(), before.position);
        let made = entry(&before, "wish 1", change);
        let after = Arc::new(before.apply(&made).unwrap());
        oracle.observe(0, &after, [&made].into_iter(), after.position);
        assert_eq!(oracle.violations.all(), [] as [String; 0]);
        (oracle, after)
    }

    fn is_seen(act: impl FnOnce(&mut Oracle, &Arc<Metadata>)) -> bool {
        let (mut oracle, metadata) = with_wish();
        act(&mut oracle, &metadata);
        !oracle.violations.all().is_empty()
    }

    #[test]
    fn what_was_told_and_is_not_so_is_seen() {
        assert!(!is_seen(|o, _| o.is_told(0, 1, Told::Made)));
        assert!(!is_seen(|o, _| o.is_told(0, 1, Told::Unknown)));
        assert!(is_seen(|o, _| o.is_told(0, 1, Told::Refused)));
        assert!(is_seen(|o, _| o.is_told(0, 1, Told::Nothing)));
        assert!(is_seen(|o, _| o.is_told(0, 2, Told::Made)));
        assert!(!is_seen(|o, _| o.is_told(0, 2, Told::Refused)));
        assert!(is_seen(|o, _| {
            o.is_told(0, 1, Told::Made);
            o.is_told(0, 1, Told::Made);
        }));
    }

    #[test]
    fn a_refused_wish_that_is_decided_later_is_seen() {
        let decided_later = |o: &mut Oracle, metadata: &Arc<Metadata>| {
            o.is_told(0, 2, Told::Refused);
            let late = entry(metadata, "wish 2", Change::Deciders);
            let after = Arc::new(metadata.apply(&late).unwrap());
            o.observe(0, &after, [&late].into_iter(), after.position);
        };
        assert!(is_seen(decided_later));
    }

    #[test]
    fn members_leave_only_if_somebody_asks() {
        let other = HostId(Uuid::from_u128(5));
        let leaves = |asked: bool, refused: bool| {
            is_seen(|o, metadata| {
                let mut more = (**metadata).clone();
                more.position = more.position.next();
                let mut member = more.members[0].clone();
                member.host_id = other;
                member.listen_address = std::net::IpAddr::from([10, 0, 9, 9]);
                more.members.push(member);
                more.members.sort_by_key(|member| member.host_id);
                let more = Arc::new(more);
                o.observe(0, &more, [].into_iter(), more.position);
                if asked {
                    o.asks_of_member(other, "leaving");
                }
                if refused {
                    o.refused_of_member(0, other, "leaving");
                }
                let leaving = entry(&more, "", Change::Leaving(other));
                let after = Arc::new(more.apply(&leaving).unwrap());
                o.observe(0, &after, [&leaving].into_iter(), after.position);
            })
        };
        assert!(!leaves(true, false));
        assert!(leaves(false, false));
        assert!(leaves(true, true));
    }

    #[test]
    fn strangers_in_a_decision_are_seen() {
        let sends = |from: Option<HostId>| {
            is_seen(|o, metadata| {
                let host = from.unwrap_or(metadata.members[0].host_id);
                let ballot = Ballot { round: 1, proposer: host, life: 1 };
                let position = metadata.position.next();
                o.sends(0, host, &ClusterMessage::Prepare { position, ballot });
                o.sends(0, host, &ClusterMessage::Answer { position, ballot, answer: Box::new(Answer::Accepted) });
            })
        };
        assert!(!sends(None));
        assert!(sends(Some(HostId(Uuid::from_u128(5)))));
    }

    #[test]
    fn in_the_end_all_have_one_schema_and_all_that_was_made() {
        assert!(is_seen(|o, _| o.finish(0, &[])));
        assert!(!is_seen(|o, metadata| {
            o.is_told(0, 1, Told::Made);
            o.finish(0, &[metadata.clone(), metadata.clone()]);
        }));
        assert!(is_seen(|o, metadata| {
            let mut other = (**metadata).clone();
            other.schema.keyspaces.clear();
            o.finish(0, &[metadata.clone(), Arc::new(other)]);
        }));
        assert!(is_seen(|o, _| {
            o.is_told(0, 1, Told::Made);
            o.finish(0, &[founded()]);
        }));
        assert!(Oracle::is_one_position([LogPosition::FIRST, LogPosition::FIRST].into_iter()));
        assert!(!Oracle::is_one_position([LogPosition::FIRST, LogPosition::ZERO].into_iter()));
    }
}
