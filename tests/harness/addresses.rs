//! Loopback addresses that no other test uses: a /24 of 127.0.0.0/8 per cluster, held by a file lock that the system
//! gives back however the test ends. The ports stay the usual ones.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;

/// The addresses 127.a.b.1 to 127.a.b.254, for as long as this lives.
pub struct AddressBlock {
    second: u8,
    third: u8,
    _lock: File,
}

impl AddressBlock {
    /// Claims a free block; the name and the process number say where to begin looking.
    pub fn claim(name: &str) -> AddressBlock {
        let folder = std::env::temp_dir().join("starling-test-addresses");
        fs::create_dir_all(&folder).unwrap();
        let mut hasher = DefaultHasher::new();
        (name, std::process::id()).hash(&mut hasher);
        let first = hasher.finish();
        // 127.0.x.x is left to people.
        for attempt in 0..250 * 250 {
            let number = first.wrapping_add(attempt) % (250 * 250);
            let (second, third) = ((number / 250 + 1) as u8, (number % 250 + 1) as u8);
            let lock = File::create(folder.join(format!("127.{second}.{third}"))).unwrap();
            if lock.try_lock().is_ok() {
                return AddressBlock { second, third, _lock: lock };
            }
        }
        panic!("no free block of loopback addresses");
    }

    /// The address with this number, from 1.
    pub fn address(&self, number: usize) -> Ipv4Addr {
        assert!((1..255).contains(&number), "a block has 254 addresses");
        Ipv4Addr::new(127, self.second, self.third, number as u8)
    }
}
