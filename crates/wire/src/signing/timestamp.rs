//! The three written forms of a time of signing, read strictly: one instant has one spelling, so a
//! changed byte never means the same time.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Seconds since 1970 UTC of `2026-11-23T03:47:36Z`.
#[must_use]
pub fn parse_extended(text: &str) -> Option<i64> {
    parse(text, "dddd-dd-ddTdd:dd:ddZ")
}

/// Seconds since 1970 UTC of `20261123T034736Z`.
#[must_use]
pub fn parse_basic(text: &str) -> Option<i64> {
    parse(text, "ddddddddTddddddZ")
}

/// Seconds since 1970 UTC of decimal text without sign or leading zero.
#[must_use]
pub fn parse_epoch(text: &str) -> Option<i64> {
    let canonical = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

/// `2026-11-23T03:47:36Z`.
#[must_use]
pub fn format_extended(epoch_s: i64) -> Option<String> {
    format(epoch_s, "%Y-%m-%dT%H:%M:%SZ")
}

/// `20261123T034736Z`.
#[must_use]
pub fn format_basic(epoch_s: i64) -> Option<String> {
    format(epoch_s, "%Y%m%dT%H%M%SZ")
}

/// `2026-11-23`.
#[must_use]
pub fn format_date(epoch_s: i64) -> Option<String> {
    format(epoch_s, "%Y-%m-%d")
}

fn format(epoch_s: i64, pattern: &str) -> Option<String> {
    let timestamp = jiff::Timestamp::from_second(epoch_s).ok()?;
    Some(timestamp.strftime(pattern).to_string())
}

/// Reads a fixed-width form; `d` in the shape stands for a digit, everything else for itself.
fn parse(text: &str, shape: &str) -> Option<i64> {
    if text.len() != shape.len() {
        return None;
    }
    let mut digits = [0_u8; 14];
    let mut count = 0;
    for (byte, expected) in text.bytes().zip(shape.bytes()) {
        if expected != b'd' {
            if byte != expected {
                return None;
            }
            continue;
        }
        if !byte.is_ascii_digit() {
            return None;
        }
        *digits.get_mut(count)? = byte - b'0';
        count += 1;
    }
    let pair = |at: usize| (digits[at] * 10 + digits[at + 1]).cast_signed();
    let year = i16::from(pair(0)) * 100 + i16::from(pair(2));
    let date_time = DateTime::new(year, pair(4), pair(6), pair(8), pair(10), pair(12), 0).ok()?;
    let timestamp = TimeZone::UTC.to_timestamp(date_time).ok()?;
    Some(timestamp.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_one_spelling() {
        let epoch_s = 1_795_405_656;
        assert_eq!(parse_extended("2026-11-23T03:47:36Z"), Some(epoch_s));
        assert_eq!(parse_basic("20261123T034736Z"), Some(epoch_s));
        assert_eq!(parse_epoch("1795405656"), Some(epoch_s));
        assert_eq!(
            format_extended(epoch_s).as_deref(),
            Some("2026-11-23T03:47:36Z")
        );
        assert_eq!(format_basic(epoch_s).as_deref(), Some("20261123T034736Z"));
        assert_eq!(format_date(epoch_s).as_deref(), Some("2026-11-23"));
        for text in [
            "2026-11-23T03:47:36z",
            "2026-11-23 03:47:36Z",
            "2026-13-23T03:47:36Z",
            "2026-02-30T03:47:36Z",
            "2026-11-23T03:47:60Z",
            "2026-11-23T03:47:36+00:00",
            "2026-11-23T3:47:36Z",
            "",
        ] {
            assert_eq!(parse_extended(text), None, "{text}");
        }
        for text in [
            "+1795405656",
            "01795405656",
            "1795405656 ",
            "",
            "-1",
            "99999999999999999999",
        ] {
            assert_eq!(parse_epoch(text), None, "{text}");
        }
    }
}
