//! Diaries: registers that one client alone writes, one number after the other, each stamped by the server.
//!
//! What the client wrote later must win, whatever the coordinators' wall clocks say: where it asks one coordinator for all
//! of a diary, or carries the stamp of its last answer along. A write with an unknown outcome may have any stamp, and so
//! turn up later, until a read has shown it: then what is written afterwards is later.

use std::collections::{BTreeMap, BTreeSet};

use super::Outcome;

#[derive(Debug, Default)]
struct Diary {
    /// The last number that was begun.
    begun: i64,
    /// The last one that was acknowledged or, if that came later, read.
    last: i64,
    /// Those with an unknown outcome that no read has shown.
    unknown: BTreeSet<i64>,
}

/// All diaries, by key.
#[derive(Debug, Default)]
pub struct Diaries {
    diaries: BTreeMap<i32, Diary>,
}

impl Diaries {
    /// The number that is to be written next.
    pub fn write_begins(&mut self, key: i32) -> i64 {
        let diary = self.diaries.entry(key).or_default();
        diary.begun += 1;
        diary.begun
    }

    /// The client was answered.
    pub fn write_ends(&mut self, key: i32, number: i64, outcome: Outcome) {
        let Some(diary) = self.diaries.get_mut(&key) else { return };
        match outcome {
            Outcome::Acknowledged => diary.last = number,
            Outcome::Unknown => {
                diary.unknown.insert(number);
            }
            Outcome::Refused => {}
        }
    }

    /// A quorum read has shown a number, or none. What is wrong with it.
    pub fn read_ends(&mut self, key: i32, shown: Option<i64>) -> Option<String> {
        let diary = self.diaries.entry(key).or_default();
        let shown = shown.unwrap_or(0);
        if diary.unknown.remove(&shown) {
            diary.last = shown;
            return None;
        }
        let (last, unknown) = (diary.last, &diary.unknown);
        (shown != last).then(|| {
            format!("diary {key} shows {shown}: its client wrote {last} last, and does not know of {unknown:?}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_read_or_what_is_not_known() {
        let mut diaries = Diaries::default();
        assert_eq!(diaries.read_ends(7, None), None);
        for outcome in [Outcome::Acknowledged, Outcome::Unknown, Outcome::Acknowledged, Outcome::Refused] {
            let number = diaries.write_begins(7);
            diaries.write_ends(7, number, outcome);
        }
        assert_eq!(diaries.read_ends(7, Some(3)), None);
        assert!(diaries.read_ends(7, Some(1)).is_some(), "overwritten");
        assert!(diaries.read_ends(7, Some(4)).is_some(), "refused");
        assert!(diaries.read_ends(7, None).is_some(), "lost");
        assert_eq!(diaries.read_ends(7, Some(2)), None, "it may have had the later stamp");
        assert!(diaries.read_ends(7, Some(3)).is_some(), "not again");
        let number = diaries.write_begins(7);
        diaries.write_ends(7, number, Outcome::Acknowledged);
        assert!(diaries.read_ends(7, Some(2)).is_some(), "what was read is before what was written then");
        assert_eq!(diaries.read_ends(7, Some(5)), None);
    }
}
