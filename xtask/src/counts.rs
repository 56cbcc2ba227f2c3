//! Counts of passed, failed and skipped checks, and how runners print them.

use std::fmt;
use std::ops::AddAssign;

/// How many checks passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Checks that passed.
    pub passed: u64,
    /// Checks that failed.
    pub failed: u64,
    /// Checks that were not run.
    pub skipped: u64,
}

impl Counts {
    /// One check.
    pub fn one(passed: bool) -> Self {
        Self {
            passed: u64::from(passed),
            failed: u64::from(!passed),
            skipped: 0,
        }
    }

    /// The last closing line `N passed, N failed[, N skipped]` that stands alone on a line.
    pub fn of_closing_line(output: &str) -> Option<Self> {
        output.lines().rev().find_map(Self::parse_closing_line)
    }

    fn parse_closing_line(line: &str) -> Option<Self> {
        let mut counts = Self::default();
        let mut named = 0;
        for part in line.trim().split(", ") {
            let (number, word) = part.split_once(' ')?;
            let number = number.parse().ok()?;
            match word {
                "passed" => counts.passed = number,
                "failed" => counts.failed = number,
                "skipped" => counts.skipped = number,
                _ => return None,
            }
            named += 1;
        }
        (named >= 2).then_some(counts)
    }

    /// The sum of every `test result:` line of `cargo test`.
    pub fn of_cargo_test(output: &str) -> Self {
        let mut sum = Self::default();
        for line in output.lines() {
            let Some((_, results)) = line.split_once("test result: ") else {
                continue;
            };
            for part in results.split(['.', ';']) {
                let mut words = part.split_whitespace();
                let (Some(number), Some(word)) = (words.next(), words.next()) else {
                    continue;
                };
                let Ok(number) = number.parse::<u64>() else {
                    continue;
                };
                match word {
                    "passed" => sum.passed += number,
                    "failed" => sum.failed += number,
                    "ignored" => sum.skipped += number,
                    _ => {}
                }
            }
        }
        sum
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    fn check(counts: Option<Counts>, expected: Option<(u64, u64, u64)>) {
        assert_eq!(counts.map(|c| (c.passed, c.failed, c.skipped)), expected);
    }

    #[test]
    fn the_last_closing_line_counts() {
        check(
            Counts::of_closing_line("1 passed, 0 failed\nnoise\n12 passed, 3 failed, 4 skipped\n"),
            Some((12, 3, 4)),
        );
        check(
            Counts::of_closing_line("7 passed, 0 failed\ntrailing noise"),
            Some((7, 0, 0)),
        );
    }

    #[test]
    fn other_lines_are_no_closing_lines() {
        for line in [
            "",
            "7 passed",
            "PASS 7 passed, 0 failed",
            "7 passed, 0 failed, 2 warned",
            "passed, failed",
        ] {
            check(Counts::of_closing_line(line), None);
        }
    }

    #[test]
    fn results_of_cargo_test_are_summed() {
        let output = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                      test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1.25s\n";
        check(Some(Counts::of_cargo_test(output)), Some((5, 1, 1)));
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        let counts = Counts {
            passed: 3,
            failed: 2,
            skipped: 1,
        };
        assert_eq!(Counts::of_closing_line(&counts.to_string()), Some(counts));
    }
}
