//! Single-decree Paxos under random schedules: messages are lost, doubled and late, acceptors and proposers crash.
//! Whatever happens, at most one value is ever chosen, and in a calm world one is.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::collections::{BTreeMap, BTreeSet};

use starling_node::paxos::{Acceptance, Answer, Ballot, Proposer, Step};
use starling_ring::HostId;
use uuid::Uuid;

fn host(number: usize) -> HostId {
    HostId(Uuid::from_u128(number as u128 + 1))
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 33) as usize) % bound
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

/// What the world does wrong on purpose, to see that the oracle notices.
#[derive(Clone, Copy, PartialEq)]
enum Planted {
    Nothing,
    PromiseForgottenAtRestart,
    AcceptedForgottenAtRestart,
    LowerBallotAccepted,
    SameBallotAgain,
    OneAnswerTooFew,
}

#[derive(Clone)]
enum Message {
    Prepare(Ballot),
    Accept(Ballot, u32),
    Answer(HostId, Ballot, Answer<u32>),
}

struct World {
    random: Random,
    planted: Planted,
    acceptors: Vec<Acceptance<u32>>,
    proposers: Vec<Option<Proposer<u32>>>,
    highest: Vec<Option<Ballot>>,
    generations: Vec<u64>,
    /// To an acceptor or a proposer.
    under_way: Vec<(usize, Message)>,
    /// Who ever accepted what, in which ballot.
    accepted: BTreeMap<(Ballot, u32), BTreeSet<usize>>,
    chosen: BTreeSet<u32>,
    learnt: BTreeSet<u32>,
}

impl World {
    fn new(seed: u64, planted: Planted) -> World {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (acceptors, proposers) = (3 + random.below(5), 2 + random.below(3));
        World {
            random,
            planted,
            acceptors: vec![Acceptance::default(); acceptors],
            proposers: vec![None; proposers],
            highest: vec![None; proposers],
            generations: vec![1; proposers],
            under_way: Vec::new(),
            accepted: BTreeMap::new(),
            chosen: BTreeSet::new(),
            learnt: BTreeSet::new(),
        }
    }

    fn members(&self) -> BTreeSet<HostId> {
        let all = (0..self.acceptors.len()).map(host);
        // A member too few in the proposer's eyes makes its majority one smaller.
        let missing = usize::from(self.planted == Planted::OneAnswerTooFew);
        all.skip(missing * (1 + self.acceptors.len() % 2)).collect()
    }

    fn propose(&mut self, number: usize) {
        let ballot = match (self.planted, self.highest[number]) {
            (Planted::SameBallotAgain, Some(same)) => same,
            (_, highest) => {
                let round = highest.map_or(0, |ballot| ballot.round);
                Ballot::above(round, host(number), self.generations[number]).unwrap()
            }
        };
        self.highest[number] = Some(ballot);
        // Each attempt wants something else.
        let wanted = (self.random.below(1_000_000) + 1) as u32;
        self.proposers[number] = Some(Proposer::new(ballot, self.members(), wanted));
        self.send_to_all(Message::Prepare(ballot));
    }

    fn send_to_all(&mut self, message: Message) {
        for acceptor in 0..self.acceptors.len() {
            self.under_way.push((acceptor, message.clone()));
        }
    }

    fn deliver(&mut self, to: usize, message: Message) {
        match message {
            Message::Prepare(ballot) => {
                let answer = self.acceptors[to].on_prepare(ballot);
                self.answer(to, ballot, answer);
            }
            Message::Accept(ballot, value) => {
                let mut answer = self.acceptors[to].on_accept(ballot, value);
                if self.planted == Planted::LowerBallotAccepted {
                    self.acceptors[to].accepted = Some((ballot, value));
                    answer = Answer::Accepted;
                }
                if answer == Answer::Accepted {
                    let by = self.accepted.entry((ballot, value)).or_default();
                    by.insert(to);
                    if by.len() > self.acceptors.len() / 2 {
                        self.chosen.insert(value);
                    }
                }
                self.answer(to, ballot, answer);
            }
            Message::Answer(from, ballot, answer) => {
                let Some(proposer) = &mut self.proposers[to] else { return };
                match proposer.on_answer(from, ballot, answer) {
                    Step::Wait => {}
                    Step::Accept(value) => self.send_to_all(Message::Accept(ballot, value)),
                    Step::Chosen(value) => {
                        self.learnt.insert(value);
                    }
                    Step::Outbid(higher) => self.highest[to] = self.highest[to].max(Some(higher)),
                }
            }
        }
    }

    fn answer(&mut self, acceptor: usize, ballot: Ballot, answer: Answer<u32>) {
        let proposer = (0..self.proposers.len()).find(|number| host(*number) == ballot.proposer).unwrap();
        self.under_way.push((proposer, Message::Answer(host(acceptor), ballot, answer)));
    }

    fn crash(&mut self) {
        if self.random.one_in(2) {
            let acceptor = self.random.below(self.acceptors.len());
            match self.planted {
                Planted::PromiseForgottenAtRestart => self.acceptors[acceptor].promised = None,
                Planted::AcceptedForgottenAtRestart => self.acceptors[acceptor].accepted = None,
                _ => {}
            }
        } else {
            // A proposer keeps nothing but its generation, which grows.
            let proposer = self.random.below(self.proposers.len());
            self.proposers[proposer] = None;
            self.generations[proposer] += 1;
            if self.planted != Planted::SameBallotAgain {
                self.highest[proposer] = None;
            }
        }
    }

    fn step(&mut self) {
        if self.random.one_in(30) {
            return self.crash();
        }
        if self.under_way.is_empty() || self.random.one_in(25) {
            let proposer = self.random.below(self.proposers.len());
            return self.propose(proposer);
        }
        let picked = self.random.below(self.under_way.len());
        let (to, message) = match self.random.one_in(10) {
            true => self.under_way[picked].clone(),
            false => self.under_way.swap_remove(picked),
        };
        if !self.random.one_in(8) {
            self.deliver(to, message);
        }
    }

    /// Runs a stormy while, then lets one proposer try in peace until it learns of a value.
    fn run(mut self) -> World {
        for _ in 0..600 {
            self.step();
            self.under_way.truncate(400);
        }
        if self.planted != Planted::Nothing {
            return self;
        }
        for _ in 0..100 {
            self.under_way.clear();
            self.propose(0);
            while !self.under_way.is_empty() {
                let (to, message) = self.under_way.remove(0);
                self.deliver(to, message);
            }
        }
        self
    }

    fn agrees(&self) -> bool {
        let all: BTreeSet<u32> = self.chosen.union(&self.learnt).copied().collect();
        all.len() <= 1
    }
}

#[test]
fn at_most_one_value_is_chosen_and_in_the_end_one_is() {
    for seed in 0..5_000 {
        let world = World::new(seed, Planted::Nothing).run();
        assert!(world.agrees(), "seed {seed}: {:?} and {:?}", world.chosen, world.learnt);
        assert_eq!(world.learnt.len(), 1, "seed {seed}");
        assert_eq!(world.learnt, world.chosen, "seed {seed}");
    }
}

#[test]
fn mistakes_are_found() {
    for (planted, name) in [
        (Planted::PromiseForgottenAtRestart, "promise forgotten"),
        (Planted::AcceptedForgottenAtRestart, "accepted value forgotten"),
        (Planted::LowerBallotAccepted, "lower ballot accepted"),
        (Planted::SameBallotAgain, "same ballot again"),
        (Planted::OneAnswerTooFew, "one answer too few"),
    ] {
        let found = (0..5_000).find(|seed| !World::new(*seed, planted).run().agrees());
        assert!(found.is_some(), "{name}: not found in 5000 seeds");
        eprintln!("{name}: found after {} seeds", found.unwrap() + 1);
    }
}

#[test]
fn rounds_that_are_used_up_are_noticed() {
    assert_eq!(Ballot::above(u64::MAX, host(2), 1), None);
    assert_eq!(Ballot::above(6, host(2), 1), Some(Ballot { round: 7, proposer: host(2), life: 1 }));
}
