//! libFuzzer around one target: `FUZZ_TARGET` names it. The seeds that the encoders make are written to the folder
//! `FUZZ_SEEDS_INTO` first.

#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use starling_fuzz::{Target, seeds};

fn name() -> String {
    std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target")
}

fn target() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| starling_fuzz::target(&name()).expect("FUZZ_TARGET is one of the targets"))
}

fn write_seeds() {
    if let Ok(folder) = std::env::var("FUZZ_SEEDS_INTO") {
        for (seed, bytes) in seeds::made(&name()) {
            std::fs::write(Path::new(&folder).join(seed), bytes).expect("a folder for seeds");
        }
    }
}

fuzz_target!(init: write_seeds(), |bytes: &[u8]| target()(bytes));
