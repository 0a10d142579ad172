//! Every target on its seeds and on many small changes of them: what a fuzzer would find at once fails here.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use starling_fuzz::{TARGETS, Target, seeds};

/// Changes of each seed.
const CHANGES: u64 = 4_000;

fn all_seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = seeds::made(target);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    if let Ok(entries) = std::fs::read_dir(folder) {
        for entry in entries {
            let path = entry.unwrap().path();
            all.push((path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)],
        2 => bytes.truncate(at),
        3 => bytes.insert(at, random.below(256) as u8),
        4 if at < bytes.len() => drop(bytes.drain(at..(at + 1 + random.below(8)).min(bytes.len()))),
        _ => {
            let from = random.below(other.len());
            let piece = other[from..(from + random.below(32)).min(other.len())].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}

fn try_out(name: &str, target: Target) {
    let seeds = all_seeds(name);
    assert!(!seeds.is_empty(), "{name} has seeds");
    let mut random = Random(1);
    for (seed, bytes) in &seeds {
        target(bytes);
        for number in 0..CHANGES {
            let mut changed = bytes.clone();
            let other = &seeds[random.below(seeds.len())].1;
            for _ in 0..=random.below(4) {
                change(&mut changed, other, &mut random);
            }
            let outcome = std::panic::catch_unwind(|| target(&changed));
            assert!(outcome.is_ok(), "{name}: change {number} of seed {seed}: {changed:02x?}");
        }
    }
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            try_out(stringify!($name), starling_fuzz::target(stringify!($name)).unwrap());
        })*

        #[test]
        fn no_target_is_left_out() {
            assert_eq!(TARGETS.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

targets!(frames, gossip, internode, language, log, storage);
