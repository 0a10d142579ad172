//! What is drawn at random, from a seed that is printed.

/// Random numbers: splitmix64.
pub struct Draw(u64);

impl Draw {
    /// From the seed in the environment, or else from the clock.
    pub fn new() -> Draw {
        let seed = match std::env::var("STARLING_FAULT_SEED") {
            Ok(seed) => seed.parse().expect("STARLING_FAULT_SEED is a number"),
            Err(_) => std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(),
        };
        println!("STARLING_FAULT_SEED={seed}");
        Draw(seed)
    }

    /// From this seed.
    pub fn of(seed: u64) -> Draw {
        Draw(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}
