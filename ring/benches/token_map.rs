//! The token map of a large cluster (1,000 members of 16 tokens, three replicas): built at every change of membership,
//! looked up by every request.
#![allow(clippy::unwrap_used, reason = "a bench panics where it fails")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{BatchSize, Criterion};
use starling_ring::{HostId, Member, Placement, ReplicationStrategy, Token, Topology};
use uuid::Uuid;

const MEMBERS: u16 = 1_000;
const TOKENS: usize = 16;
/// Tokens that are looked up in turn: as many as there are ranges, so that no cache of the processor holds the path.
const LOOKUPS: usize = 1 << 14;

/// Steele and Vigna's SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn token(&mut self) -> Token {
        Token(self.next().cast_signed())
    }
}

/// Members with random tokens, in racks as `rack` says.
fn members(rack: impl Fn(u16) -> u16) -> Vec<Member> {
    let mut random = Random(1);
    let member = |number: u16| {
        let [high, low] = number.to_be_bytes();
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, high, low));
        Member {
            datacenter: "dc1".to_owned(),
            rack: format!("rack{}", rack(number)),
            tokens: (0..TOKENS).map(|_| random.token()).collect(),
            ..Member::at(HostId(Uuid::from_u64_pair(random.next(), random.next())), address)
        }
    };
    (0..MEMBERS).map(member).collect()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("token_map");
    let by_datacenter = ReplicationStrategy::NetworkTopology { datacenters: BTreeMap::from([("dc1".to_owned(), 3)]) };
    let cases = [
        ("simple", ReplicationStrategy::Simple { replication_factor: 3 }, members(|_| 1)),
        ("three_racks", by_datacenter.clone(), members(|number| number % 3)),
        // One member alone in the third rack: it is a replica of everything, and far from most ranges.
        ("lone_rack", by_datacenter, members(|number| if number == 0 { 2 } else { number % 2 })),
    ];
    for (name, strategy, members) in &cases {
        group.bench_function(format!("build_{name}"), |bencher| {
            let build = |members| {
                let topology = Topology::new(1, members).unwrap();
                let placement = Placement::new(&topology, strategy);
                (topology, placement)
            };
            bencher.iter_batched(|| members.clone(), build, BatchSize::LargeInput);
        });
    }
    let (_, strategy, members) = &cases[1];
    let topology = Topology::new(1, members.clone()).unwrap();
    let placement = Placement::new(&topology, strategy);
    let mut random = Random(2);
    let tokens: Vec<Token> = (0..LOOKUPS).map(|_| random.token()).collect();
    group.bench_function("look_up", |bencher| {
        let mut at = 0;
        bencher.iter(|| {
            at = (at + 1) % LOOKUPS;
            let replicas = placement.replicas(black_box(tokens[at]));
            assert_eq!(replicas.len(), 3);
            replicas[2]
        });
    });
    group.finish();
    criterion.final_summary();
}
