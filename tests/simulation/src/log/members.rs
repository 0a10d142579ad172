//! What must hold of every metadata, and what an entry may do to the members: looked at from outside, not by the code
//! that applies entries.

use std::collections::BTreeSet;

use starling_node::cluster::{Change, DECIDERS_MAX, Entry, Metadata};
use starling_ring::HostId;

fn hosts(metadata: &Metadata) -> BTreeSet<HostId> {
    metadata.members.iter().map(|member| member.host_id).collect()
}

fn joiners(metadata: &Metadata) -> BTreeSet<HostId> {
    metadata.joining.iter().map(|joiner| joiner.member.host_id).collect()
}

/// What is wrong with some metadata by itself.
pub fn problem_of(metadata: &Metadata) -> Option<String> {
    let members = hosts(metadata);
    let deciders: BTreeSet<HostId> = metadata.deciders.iter().copied().collect();
    if deciders.is_empty() || deciders.len() != metadata.deciders.len() || deciders.len() > DECIDERS_MAX {
        return Some(format!("{} deciders", metadata.deciders.len()));
    }
    let may_decide =
        |host: &HostId| members.contains(host) && !metadata.leaving.contains(host) && !metadata.lost.contains(host);
    if let Some(stranger) = deciders.iter().find(|host| !may_decide(host)) {
        return Some(format!("{stranger} decides and is no member"));
    }
    if members.len() != metadata.members.len() || !members.is_disjoint(&joiners(metadata)) {
        return Some("a node is a member twice".into());
    }
    if let Some(former) = metadata.former.iter().find(|former| members.contains(&former.host_id)) {
        return Some(format!("{} was a member and is one again", former.host_id));
    }
    let nodes = || {
        let replaced: BTreeSet<HostId> = metadata.joining.iter().filter_map(|joiner| joiner.replaces).collect();
        let stay = metadata.members.iter().filter(move |member| !replaced.contains(&member.host_id));
        stay.chain(metadata.joining.iter().map(|joiner| &joiner.member))
    };
    let mut addresses = BTreeSet::new();
    if let Some(twice) = nodes().find(|node| !addresses.insert((node.listen_address, node.storage_port))) {
        return Some(format!("address {} is given twice", twice.listen_address));
    }
    let mut tokens = BTreeSet::new();
    if nodes().flat_map(|node| &node.tokens).any(|token| !tokens.insert(*token)) {
        return Some("a token is given twice".into());
    }
    let is_moving = !(metadata.joining.is_empty() && metadata.leaving.is_empty());
    (is_moving && metadata.has_user_tables()).then(|| "members change while there are tables".into())
}

/// What is wrong with the members after `entry`.
pub fn problem_of_change(before: &Metadata, entry: &Entry, after: &Metadata) -> Option<String> {
    let (mut members, mut joining) = (hosts(before), joiners(before));
    let (mut leaving, mut lost) = (before.leaving.clone(), before.lost.clone());
    match &entry.change {
        Change::Joining { member, .. } => {
            joining.insert(member.host_id);
        }
        Change::Joined(host) => {
            let replaced = before.joiner(*host).and_then(|joiner| joiner.replaces);
            joining.remove(host);
            members.insert(*host);
            if let Some(replaced) = replaced {
                members.remove(&replaced);
                leaving.remove(&replaced);
                lost.remove(&replaced);
            }
        }
        Change::JoinExpired(host) => {
            joining.remove(host);
        }
        Change::Leaving(host) => {
            leaving.insert(*host);
        }
        Change::Left(host) => {
            members.remove(host);
            leaving.remove(host);
            lost.remove(host);
        }
        Change::Recovered { lost: given_up } => {
            joining.clear();
            lost.extend(given_up.iter().copied().filter(|host| members.contains(host)));
        }
        Change::Readmitted(host) => {
            lost.remove(host);
        }
        Change::Schema(_) | Change::Addresses(_) | Change::Deciders => {}
    }
    let is_as_expected =
        hosts(after) == members && joiners(after) == joining && after.leaving == leaving && after.lost == lost;
    (!is_as_expected).then(|| format!("the members after {entry} are not those before with that change"))
}

#[cfg(test)]
mod tests {
    use starling_node::cluster::{EntryId, LogPosition};
    use uuid::Uuid;

    use super::super::machine::Machine;
    use super::super::shape::Shape;
    use super::*;
    use crate::random::Random;

    fn three() -> Metadata {
        let mut random = Random::new(1);
        let shape = Shape::drawn(&mut random);
        let machines: Vec<Machine> =
            (0..3).map(|number| Machine::new(number, &shape, Vec::new(), &mut random)).collect();
        let mut metadata = Metadata::found(Uuid::from_u128(1), "c".into(), machines[0].identity.member.clone());
        metadata.members = machines.iter().map(|machine| machine.identity.member.clone()).collect();
        metadata.members.sort_by_key(|member| member.host_id);
        metadata
    }

    #[test]
    fn sound_metadata_is_sound() {
        assert_eq!(problem_of(&three()), None);
    }

    #[test]
    fn strange_deciders_are_seen() {
        let faults: [fn(&mut Metadata); 6] = [
            |m| m.deciders = vec![HostId(Uuid::from_u128(9))],
            |m| m.deciders.clear(),
            |m| m.deciders.push(m.deciders[0]),
            |m| assert!(m.leaving.insert(m.deciders[0])),
            |m| assert!(m.lost.insert(m.deciders[0])),
            |m| m.members.retain(|member| member.host_id != m.deciders[0]),
        ];
        for fault in faults {
            let mut metadata = three();
            fault(&mut metadata);
            assert!(problem_of(&metadata).is_some());
        }
    }

    #[test]
    fn an_address_and_an_identity_are_given_once() {
        let mut twice = three();
        twice.members[1].listen_address = twice.members[0].listen_address;
        assert!(problem_of(&twice).is_some());
        let mut again = three();
        again.members.push(again.members[0].clone());
        assert!(problem_of(&again).is_some());
    }

    #[test]
    fn an_entry_does_what_it_says_and_nothing_else() {
        let before = three();
        let entry = |change| Entry {
            position: LogPosition::FIRST.next(),
            id: EntryId { proposer: before.members[0].host_id, life: 1, number: 1 },
            proposed_at_ms: 0,
            summary: String::new(),
            change,
            deciders: before.deciders.clone(),
        };
        assert_eq!(problem_of_change(&before, &entry(Change::Deciders), &before), None);
        let mut fewer = before.clone();
        let gone = fewer.members.remove(0).host_id;
        assert!(problem_of_change(&before, &entry(Change::Deciders), &fewer).is_some());
        assert_eq!(problem_of_change(&before, &entry(Change::Left(gone)), &fewer), None);
        assert!(problem_of_change(&before, &entry(Change::Left(gone)), &before).is_some());
    }
}
