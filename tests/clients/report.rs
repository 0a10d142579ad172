//! What a runner printed, held against what the script expects of it.

/// What is wrong with the report: nothing, if every expected line is there once, in order, and no other.
pub fn complaints(expected: &[String], printed: &str) -> Vec<String> {
    let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let mut complaints: Vec<String> =
        printed.iter().filter(|line| line.starts_with("failed ")).map(|line| (*line).to_owned()).collect();
    let id = |line: &str| line.split(' ').nth(1).unwrap_or_default().trim_end_matches(':').to_owned();
    let seen: Vec<String> = printed.iter().map(|line| id(line)).collect();
    for line in expected {
        match seen.iter().filter(|one| **one == id(line)).count() {
            0 => complaints.push(format!("left out: {line}")),
            1 => {}
            count => complaints.push(format!("reported {count} times: {}", id(line))),
        }
    }
    for line in printed.iter().filter(|line| !line.starts_with("failed ")) {
        if !expected.iter().any(|one| one == line) {
            complaints.push(format!("not expected: {line}"));
        }
    }
    if complaints.is_empty() && expected.iter().ne(printed.iter()) {
        complaints.push("not in the order of the script".to_owned());
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::complaints;

    fn of(printed: &str) -> Vec<String> {
        let expected: Vec<String> = ["ok a/0", "ok a/1", "refused b", "skipped c"].map(str::to_owned).into();
        complaints(&expected, printed)
    }

    #[test]
    fn what_was_expected_is_right() {
        assert_eq!(of("ok a/0\nok a/1\nrefused b\nskipped c\n"), Vec::<String>::new());
    }

    #[test]
    fn a_step_left_out_is_seen() {
        assert_eq!(of("ok a/0\nrefused b\nskipped c\n"), ["left out: ok a/1"]);
        assert_eq!(of("").len(), 4);
    }

    #[test]
    fn a_step_that_failed_is_seen() {
        assert_eq!(of("ok a/0\nfailed a/1: why\nrefused b\nskipped c\n"), ["failed a/1: why"]);
    }

    #[test]
    fn a_step_must_be_reported_as_it_should_be() {
        assert_eq!(of("ok a/0\nok a/1\nok b\nskipped c\n"), ["not expected: ok b"]);
        assert_eq!(of("ok a/0\nskipped a/1\nrefused b\nskipped c\n"), ["not expected: skipped a/1"]);
    }

    #[test]
    fn a_step_reported_twice_or_out_of_order_is_seen() {
        assert_eq!(of("ok a/0\nok a/0\nok a/1\nrefused b\nskipped c\n"), ["reported 2 times: a/0"]);
        assert_eq!(of("ok a/1\nok a/0\nrefused b\nskipped c\n"), ["not in the order of the script"]);
    }
}
