//! Bugs that are planted on purpose, to show that the simulation's oracles see them.
//!
//! The code asks [`is_planted`] at the place that a bug would be. In a build without the feature `planted` the answer is
//! a constant no, and the compiler leaves nothing of it.

mod bug;

pub use bug::{Bug, Needs, Scenario};

/// Whether bugs can be planted in this build.
pub const CAN_BE_PLANTED: bool = cfg!(feature = "planted");

#[cfg(feature = "planted")]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a bug, for all that this thread does from now on; or none.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Whether this bug is planted.
    #[inline]
    pub fn is_planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub use switch::{is_planted, plant};

/// Plants a bug: nothing happens in a build without the feature `planted`.
#[cfg(not(feature = "planted"))]
pub const fn plant(_: Option<Bug>) {}

/// Whether this bug is planted: never, in a build without the feature `planted`.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn is_planted(_: Bug) -> bool {
    false
}
