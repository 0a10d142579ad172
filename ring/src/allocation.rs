//! Tokens for a joining member, chosen so that ownership within its datacentre stays even.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64;

use crate::{HostId, Member, Token};

/// Size of the whole ring.
const RING: u128 = 1 << 64;

/// An owner in the datacentre, and the ranges it can give from.
struct Owner {
    /// Number of its tokens: its fair share is in proportion.
    weight: u128,
    share: u128,
    /// `(length, start)`; the range is what follows `start`.
    ranges: BTreeSet<(u128, Token)>,
}

/// Chooses `num_tokens` tokens for a member that joins `rack` of `datacenter`.
///
/// The newcomer takes its fair share (in proportion to its tokens) from those members of its datacentre
/// that own the most for theirs, a piece of one range for each token. The answer depends on nothing but
/// the arguments, and no token in it belongs to any member. Racks do not move the choice: ownership is
/// evened out over the whole datacentre, and replicas are spread over racks by the placement.
pub fn allocate_tokens(members: &[Member], datacenter: &str, _rack: &str, num_tokens: usize) -> Vec<Token> {
    let mut used: BTreeSet<Token> = members.iter().flat_map(|member| member.tokens.iter().copied()).collect();
    used.insert(Token::MIN);
    let mut owners = owners_of(members, datacenter);
    let mut tokens = Vec::with_capacity(num_tokens);
    if owners.is_empty() {
        evenly(datacenter, num_tokens, &mut used, &mut tokens);
    } else {
        let weight_sum: u128 = owners.iter().map(|owner| owner.weight).sum();
        let mut need = RING / (weight_sum + num_tokens as u128).max(1) * num_tokens as u128;
        for left in (1..=num_tokens).rev() {
            let Some((token, taken)) = cut(&mut owners, need, left, &mut used) else {
                break;
            };
            need = need.saturating_sub(taken);
            tokens.push(token);
        }
    }
    tokens.sort_unstable();
    tokens
}

/// The first member of a datacentre spreads its tokens evenly, from a start that the name decides.
fn evenly(datacenter: &str, num_tokens: usize, used: &mut BTreeSet<Token>, tokens: &mut Vec<Token>) {
    let offset = xxh3_64(datacenter.as_bytes());
    for i in 0..num_tokens {
        let step = (RING * i as u128 / num_tokens as u128) as u64;
        let mut token = Token::MIN.advanced_by(offset.wrapping_add(step));
        while !used.insert(token) {
            token = token.advanced_by(1);
        }
        tokens.push(token);
    }
}

fn owners_of(members: &[Member], datacenter: &str) -> Vec<Owner> {
    let mut by_host: BTreeMap<HostId, Owner> = BTreeMap::new();
    let mut ring: Vec<(Token, HostId)> = Vec::new();
    for member in members.iter().filter(|member| member.datacenter == datacenter && !member.tokens.is_empty()) {
        let weight = member.tokens.len() as u128;
        by_host.insert(member.host_id, Owner { weight, share: 0, ranges: BTreeSet::new() });
        ring.extend(member.tokens.iter().map(|&token| (token, member.host_id)));
    }
    ring.sort_unstable();
    let mut start = ring.last().map_or(Token::MIN, |&(token, _)| token);
    for &(end, host) in &ring {
        let length = if ring.len() == 1 { RING } else { u128::from(start.distance_to(end)) };
        if let Some(owner) = by_host.get_mut(&host) {
            owner.share += length;
            owner.ranges.insert((length, start));
        }
        start = end;
    }
    by_host.into_values().collect()
}

/// Makes one cut: the owner that is best off gives a piece of its largest range. Answers the newcomer's
/// token and the length taken; `None` only if no range can be cut any more.
fn cut(owners: &mut [Owner], need: u128, left: usize, used: &mut BTreeSet<Token>) -> Option<(Token, u128)> {
    owners.sort_by(|a, b| (b.share * a.weight).cmp(&(a.share * b.weight)));
    let level = level_after(owners, need, left);
    let donor = owners.iter_mut().find(|owner| owner.ranges.last().is_some_and(|&(length, _)| length > 2))?;
    let excess = donor.share.saturating_sub(level * donor.weight);
    // With more tokens left than donors, each donor gives in several pieces.
    let pieces = (excess * left as u128).checked_div(need).unwrap_or(1).max(1);
    let (length, start) = donor.ranges.pop_last()?;
    let taken = (excess / pieces).clamp(1, length - 1);
    let end_of_range = start.advanced_by(length as u64);
    let mut token = start.advanced_by(taken as u64);
    while used.contains(&token) {
        token = token.advanced_by(1);
        if token == end_of_range {
            // Every place behind is another datacentre's: look before, then give the range up.
            token = first_free(start, length, used)?;
        }
    }
    used.insert(token);
    let taken = u128::from(start.distance_to(token));
    donor.share -= taken;
    donor.ranges.insert((length - taken, token));
    Some((token, taken))
}

fn first_free(start: Token, length: u128, used: &BTreeSet<Token>) -> Option<Token> {
    (1..length as u64).map(|step| start.advanced_by(step)).find(|token| !used.contains(token))
}

/// The share per token that the owners who are best off come down to if, between them, they give `need`
/// in at most `left` pieces. `owners` are sorted, the best off first.
fn level_after(owners: &[Owner], need: u128, left: usize) -> u128 {
    let (mut share, mut weight, mut level) = (0, 0, 0);
    for owner in owners.iter().take(left) {
        if weight > 0 && owner.share <= level * owner.weight {
            break;
        }
        share += owner.share;
        weight += owner.weight;
        level = share.saturating_sub(need) / weight;
    }
    level
}
