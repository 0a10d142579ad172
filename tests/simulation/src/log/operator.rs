//! Whoever runs the cluster: starts new nodes, lets members leave, replaces those that are lost.

use std::net::SocketAddr;
use std::sync::Arc;

use starling_node::cluster::{ChangeError, ChangeRequest, Metadata, majority};
use starling_ring::HostId;

use super::shape::{Trouble, bearable};
use super::world::{Event, LogWorld, Phase};

/// A change of members that was asked for.
pub struct Request {
    pub host: HostId,
    /// As its entry names it.
    pub kind: &'static str,
    pub node: usize,
    pub until_us: u64,
}

/// Longer than all that may be in line before it.
const ANSWERED_WITHIN_US: u64 = 120_000_000;

impl LogWorld {
    /// The next thing that the operator does.
    pub(super) fn operate(&mut self) {
        if self.phase != Phase::Faults {
            return;
        }
        let pause_us = self.random.between(500_000, 6_000_000);
        self.after(pause_us, Event::Operator);
        if self.skips_operation() {
            return;
        }
        let is_recovering = self.recovery.is_some();
        match (self.shape.trouble, self.random.below(3)) {
            (_, 0) if !is_recovering => self.start_newcomer(),
            (Trouble::Leaves, 1) => self.let_leave(),
            (Trouble::Losses, 1) => self.lose_one(),
            (Trouble::Losses, 2) => self.start_in_place_of_a_lost_one(),
            _ => {}
        }
    }

    /// Addresses of members as a person would find them out.
    pub(super) fn member_addresses(&self) -> Vec<SocketAddr> {
        let Some(newest) = self.oracle.history.newest() else { return Vec::new() };
        let places = newest.members.iter().filter_map(|member| self.place_of(member.host_id));
        let there = places.filter(|&node| !self.is_lost(node));
        there.map(|node| self.machines[node].address()).collect()
    }

    fn start_newcomer(&mut self) {
        let seeds = self.member_addresses();
        if self.shape.later == 0 || seeds.is_empty() {
            return;
        }
        self.shape.later -= 1;
        let node = self.add_machine(seeds);
        self.after(0, Event::Start { node });
    }

    fn let_leave(&mut self) {
        let Some(newest) = self.oracle.history.newest().cloned() else { return };
        let members = newest.members.len();
        let candidate = &newest.members[self.random.below(members as u64) as usize];
        if let Some(node) = self.some_open_node() {
            self.members_asked_to_leave += 1;
            self.ask_of_member(node, candidate.host_id, "leaving", ChangeRequest::begin_leave(candidate.host_id));
        }
    }

    /// Asks for a change of a member; what is asked for twice at once would tell nothing.
    pub(super) fn ask_of_member(&mut self, node: usize, host: HostId, kind: &'static str, change: ChangeRequest) {
        if self.requests.values().any(|request| request.host == host) || !self.oracle.may_ask_of_member(host, kind) {
            return;
        }
        self.next_wish += 1;
        let ticket = self.next_wish;
        self.note(8, ticket, node as u64);
        self.say(format_args!("request {ticket} at node {node}: {kind} of {host}"));
        self.oracle.asks_of_member(host, kind);
        let until_us = self.now_us + ANSWERED_WITHIN_US;
        self.requests.insert(ticket, Request { host, kind, node, until_us });
        let now_ms = self.now_ms();
        if let Some(life) = &mut self.machines[node].life {
            life.request_change(now_ms, ticket, change);
        }
        self.carry_out(node);
    }

    pub(super) fn member_change_done(&mut self, ticket: u64, outcome: Result<Arc<Metadata>, ChangeError>) {
        let Some(request) = self.requests.remove(&ticket) else { return };
        self.note(9, ticket, u64::from(outcome.is_ok()));
        self.operations += 1;
        match outcome {
            Ok(metadata) => {
                self.acknowledged += 1;
                let is_made = match request.kind {
                    "leaving" => metadata.leaving.contains(&request.host) || metadata.member(request.host).is_none(),
                    _ => !metadata.lost.contains(&request.host),
                };
                if !is_made {
                    self.violation(format!("{} of {} is done, and is not", request.kind, request.host));
                }
                if request.kind == "readmitted" {
                    self.readmitted(request.host);
                }
            }
            Err(ChangeError::Unknown { .. }) => {}
            Err(_) => self.oracle.refused_of_member(self.now_us, request.host, request.kind),
        }
    }

    /// Members that do not come back, or will not if it goes by the operator.
    fn lost_members(&self) -> Vec<usize> {
        let Some(newest) = self.oracle.history.newest() else { return Vec::new() };
        let places = newest.members.iter().filter_map(|member| self.place_of(member.host_id));
        places.filter(|&node| self.is_lost(node)).collect()
    }

    fn is_lost(&self, node: usize) -> bool {
        self.machines[node].is_wiped || self.machines[node].is_held
    }

    /// Whether enough are left of those that decide after the last entry that is known to any but `node`: the newest may
    /// be known to it alone.
    fn can_go_on_without(&self, node: usize) -> bool {
        let is_left = |other: usize| other != node && !self.is_lost(other);
        let left = (0..self.machines.len()).filter(|&other| is_left(other));
        let known = left.map(|other| self.machines[other].shown).max().unwrap_or_default();
        self.oracle.history.at(known).is_some_and(|last| {
            let deciders = last.deciders.iter().filter_map(|host| self.place_of(*host));
            deciders.filter(|&other| is_left(other)).count() >= majority(last.deciders.len())
        })
    }

    /// A member loses its disk, or stays off for good; never so many that the log could not go on.
    fn lose_one(&mut self) {
        let Some(newest) = self.oracle.history.newest().cloned() else { return };
        if self.lost_members().len() >= bearable(newest.members.len()) {
            return;
        }
        let member = &newest.members[self.random.below(newest.members.len() as u64) as usize];
        let Some(node) = self.place_of(member.host_id) else { return };
        if self.is_lost(node) || !self.can_go_on_without(node) {
            return;
        }
        self.faults += 1;
        self.note(10, node as u64, 0);
        self.crash(node);
        if self.random.one_in(3) {
            self.machines[node].is_held = true;
        } else {
            self.machines[node].is_wiped = true;
        }
        if self.machines[node].is_wiped && self.random.one_in(2) {
            // Somebody starts it again with an empty disk, as if nothing had been.
            self.start_under_address_of(node, false);
        }
    }

    fn start_in_place_of_a_lost_one(&mut self) {
        let lost = self.lost_members();
        if lost.is_empty() {
            return;
        }
        let node = lost[self.random.below(lost.len() as u64) as usize];
        // One that was refused, because the other was not seen dead yet, is started again.
        let at = self.machines[node].address().ip();
        let earlier = self.machines.iter().position(|m| m.identity.replaces == Some(at) && m.ended.is_some());
        match earlier {
            Some(earlier) if self.machines[earlier].observed == Default::default() => {
                self.machines[earlier].ended = None;
                self.after(0, Event::Start { node: earlier });
            }
            Some(_) => {}
            None if self.machines.iter().any(|machine| machine.identity.replaces == Some(at)) => {}
            None => self.start_under_address_of(node, true),
        }
    }

    /// A new machine with an empty disk takes the address of another, or another address as its replacement.
    fn start_under_address_of(&mut self, old: usize, replaces: bool) {
        let at = self.machines[old].address();
        let seeds: Vec<SocketAddr> = self.member_addresses().into_iter().filter(|seed| *seed != at).collect();
        if seeds.is_empty() {
            return;
        }
        let node = self.add_machine(seeds);
        let place = self.machines[old].identity.member.clone();
        let member = &mut self.machines[node].identity.member;
        (member.datacenter, member.rack) = (place.datacenter, place.rack);
        if replaces {
            self.machines[node].identity.replaces = Some(at.ip());
        }
        // What is only off may come back at its own address.
        if self.machines[old].is_wiped && (!replaces || self.random.one_in(2)) {
            self.move_to(node, at);
        }
        self.note(11, node as u64, old as u64);
        let delay_us = self.random.below(10_000_000);
        self.after(delay_us, Event::Start { node });
    }
}
