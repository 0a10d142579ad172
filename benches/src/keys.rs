//! Which key comes next: a pure function of the seed and the operation's number, so that a run can be repeated
//! whatever the order in which its operations end.

use crate::args::Distribution;

/// Sebastiano Vigna's splitmix64 at position `index` of the sequence that `seed` begins.
pub fn random(seed: u64, index: u64) -> u64 {
    mixed(seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `bound` (Lemire's multiplication, without its rejection: the bias is below bound / 2^64).
pub fn below(random: u64, bound: u64) -> u64 {
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}

/// Chooses keys from 0 to a count.
#[derive(Clone, Copy, Debug)]
pub enum KeyChooser {
    /// Each as often as any other.
    Uniform {
        /// The count.
        keys: u64,
    },
    /// By rank; which key has which rank is scattered.
    Zipfian(Zipfian),
}

impl KeyChooser {
    /// A chooser among `keys` keys.
    pub fn new(distribution: Distribution, keys: u64, exponent: f64) -> KeyChooser {
        match distribution {
            Distribution::Uniform => KeyChooser::Uniform { keys },
            Distribution::Zipfian => KeyChooser::Zipfian(Zipfian::new(keys, exponent)),
        }
    }

    /// The key for a random number.
    pub fn choose(&self, random: u64) -> u64 {
        match self {
            KeyChooser::Uniform { keys } => below(random, *keys),
            KeyChooser::Zipfian(zipfian) => below(mixed(zipfian.rank(random)), zipfian.keys),
        }
    }
}

/// Gray et al., "Quickly generating billion-record synthetic databases" (SIGMOD 1994), section 3.2.
#[derive(Clone, Copy, Debug)]
pub struct Zipfian {
    keys: u64,
    theta: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
}

impl Zipfian {
    /// Ranks from 0 to `keys`, with an exponent above 0 and below 1. Takes time in proportion to `keys`.
    pub fn new(keys: u64, theta: f64) -> Zipfian {
        let zeta_of = |count: u64| (1..=count).map(|i| (i as f64).powf(-theta)).sum::<f64>();
        let zeta = zeta_of(keys);
        let eta = (1.0 - (2.0 / keys as f64).powf(1.0 - theta)) / (1.0 - zeta_of(2) / zeta);
        Zipfian { keys, theta, zeta, alpha: 1.0 / (1.0 - theta), eta }
    }

    /// The rank for a random number; 0 is the most frequent.
    pub fn rank(&self, random: u64) -> u64 {
        let u = (random >> 11) as f64 / (1u64 << 53) as f64;
        let uz = u * self.zeta;
        if uz < 1.0 {
            return 0;
        }
        if uz < 1.0 + 0.5f64.powf(self.theta) {
            return 1.min(self.keys - 1);
        }
        let rank = self.keys as f64 * (self.eta * u - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.keys - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64s() {
        // The published first values for seed 1234567.
        let first: Vec<u64> = (0..3).map(|i| random(1_234_567, i)).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn uniform_keys_stay_below_the_count_and_reach_all() {
        let chooser = KeyChooser::new(Distribution::Uniform, 10, 0.5);
        let mut counts = [0u32; 10];
        for i in 0..10_000 {
            counts[chooser.choose(random(7, i)) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn zipfian_ranks_fall_off_as_the_law_says() {
        let zipfian = Zipfian::new(1_000, 0.9);
        let mut counts = vec![0f64; 1_000];
        let draws = 400_000;
        for i in 0..draws {
            counts[zipfian.rank(random(3, i)) as usize] += 1.0;
        }
        for rank in [0usize, 1] {
            let expected = draws as f64 / ((rank + 1) as f64).powf(0.9) / zipfian.zeta;
            assert!((counts[rank] / expected - 1.0).abs() < 0.05, "rank {rank}: {} of {expected}", counts[rank]);
        }
        let head: f64 = counts[..100].iter().sum();
        let law: f64 = (1..=100).map(|i| f64::from(i).powf(-0.9)).sum::<f64>() / zipfian.zeta;
        assert!((head / draws as f64 - law).abs() < 0.03);
    }

    #[test]
    fn few_keys_are_enough() {
        for keys in 1..=3 {
            let chooser = KeyChooser::new(Distribution::Zipfian, keys, 0.99);
            assert!((0..1_000).all(|i| chooser.choose(random(1, i)) < keys));
        }
    }
}
