//! The simulated network: delay, loss, duplication, reordering and partitions.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::Random;

/// What the network does to messages. Rates are per mille, delays in microseconds.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Messages lost.
    pub loss: u64,
    /// Messages delivered twice.
    pub duplication: u64,
    /// Messages delayed by up to `delay_us_long`, so that later ones overtake them.
    pub straggling: u64,
    /// Usual delay.
    pub delay_us: (u64, u64),
    /// Delay of a straggler.
    pub delay_us_long: u64,
}

impl Weather {
    /// Nothing is lost.
    pub fn calm() -> Self {
        Weather { loss: 0, duplication: 0, straggling: 0, delay_us: (100, 1_500), delay_us_long: 0 }
    }

    /// As bad as the seed draws it.
    pub fn drawn(random: &mut Random) -> Self {
        Weather {
            loss: random.below(60),
            duplication: random.below(40),
            straggling: random.below(50),
            delay_us: (100, random.between(1_000, 20_000)),
            delay_us_long: random.between(50_000, 3_000_000),
        }
    }
}

/// The network between nodes, by their numbers.
pub struct Network {
    /// How messages fare.
    pub weather: Weather,
    /// Pairs (from, to) between which nothing arrives.
    cut: BTreeSet<(usize, usize)>,
    /// By node: what everything from and to it takes longer, in microseconds.
    slow: BTreeMap<usize, u64>,
}

impl Network {
    /// A calm network.
    pub fn new() -> Self {
        Network { weather: Weather::calm(), cut: BTreeSet::new(), slow: BTreeMap::new() }
    }

    /// Whether messages from one node reach another at all.
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cut.contains(&(from, to))
    }

    /// Cuts the links between two sides: both ways, or only one.
    pub fn partition(&mut self, side: &[usize], others: &[usize], one_way: bool) {
        for &a in side {
            for &b in others {
                self.cut.insert((a, b));
                if !one_way {
                    self.cut.insert((b, a));
                }
            }
        }
    }

    /// Everything from and to a node takes so much longer.
    pub fn slow_down(&mut self, node: usize, by_us: u64) {
        self.slow.insert(node, by_us);
    }

    /// Mends all links.
    pub fn heal(&mut self) {
        self.cut.clear();
        self.slow.clear();
    }

    /// After which delays a message arrives: none if it is lost, two if it is doubled.
    pub fn fate(&self, random: &mut Random, from: usize, to: usize) -> Vec<u64> {
        let weather = &self.weather;
        if self.is_cut(from, to) || random.per_mille(weather.loss) {
            return Vec::new();
        }
        let slow: u64 = [from, to].iter().filter_map(|node| self.slow.get(node)).sum();
        let copies = if random.per_mille(weather.duplication) { 2 } else { 1 };
        (0..copies)
            .map(|_| {
                let usual = slow + random.between(weather.delay_us.0, weather.delay_us.1);
                let late = random.per_mille(weather.straggling);
                if late { usual + random.below(weather.delay_us_long.max(1)) } else { usual }
            })
            .collect()
    }
}
