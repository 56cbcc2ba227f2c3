//! Consumer groups, as the control plane knows them.

use crate::{Error, Result};

/// Longest name of a group that is made here, in bytes; ours: Kafka takes any text that a request can hold.
pub const GROUP_NAME_BYTES_MAX: usize = 255;

/// Checks what a group that is made here is called; clouds narrow it.
///
/// # Errors
/// [`Error::Invalid`] for an empty name, one that is longer than [`GROUP_NAME_BYTES_MAX`] or one with a control character.
pub fn group_name_check(name: &str) -> Result<()> {
    let is_fit = !name.is_empty()
        && name.len() <= GROUP_NAME_BYTES_MAX
        && !name.chars().any(char::is_control);
    if is_fit {
        return Ok(());
    }
    let reason = format!("1 to {GROUP_NAME_BYTES_MAX} bytes without control characters");
    Err(Error::invalid("the group", reason))
}

/// Where a group goes on in a partition after its offset was set anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record that is kept.
    Earliest,
    /// Behind the last.
    Latest,
    /// At the first record of this time, in milliseconds, or after; behind the last where there is none.
    TimestampMs(i64),
    /// At this offset.
    Offset(i64),
    /// So many records behind where it is, or before for a negative number.
    Shift(i64),
}

/// A partition and what is known of it when an offset is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionSpan {
    /// The first record that is kept.
    pub first: i64,
    /// Behind the last.
    pub end: i64,
    /// The first record of the time that was asked for.
    pub at_time: Option<i64>,
    /// What the group committed.
    pub committed: Option<i64>,
}

impl OffsetReset {
    /// The offset in one partition, never outside of what is kept: as `kafka-consumer-groups.sh --reset-offsets` has it.
    /// `None` where a group that has no offset is to be moved from there.
    pub fn target(&self, span: PartitionSpan) -> Option<i64> {
        let wanted = match self {
            Self::Earliest => span.first,
            Self::Latest => span.end,
            Self::TimestampMs(_) => span.at_time.unwrap_or(span.end),
            Self::Offset(offset) => *offset,
            Self::Shift(by) => span.committed?.saturating_add(*by),
        };
        Some(wanted.min(span.end).max(span.first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_some_printable_text() {
        let check =
            |name: &str, expected| assert_eq!(group_name_check(name).is_ok(), expected, "{name:?}");
        check("readers", true);
        check(&"x".repeat(255), true);
        check(&"x".repeat(256), false);
        check("", false);
        check("a\nb", false);
    }

    #[test]
    fn an_offset_stays_within_what_is_kept() {
        let span = PartitionSpan {
            first: 10,
            end: 20,
            at_time: Some(15),
            committed: Some(12),
        };
        let check = |reset: OffsetReset, span, expected| {
            assert_eq!(reset.target(span), expected, "{reset:?} {span:?}");
        };
        check(OffsetReset::Earliest, span, Some(10));
        check(OffsetReset::Latest, span, Some(20));
        check(OffsetReset::TimestampMs(1), span, Some(15));
        check(OffsetReset::Offset(0), span, Some(10));
        check(OffsetReset::Offset(13), span, Some(13));
        check(OffsetReset::Offset(21), span, Some(20));
        check(OffsetReset::Shift(3), span, Some(15));
        check(OffsetReset::Shift(-3), span, Some(10));
        check(OffsetReset::Shift(i64::MAX), span, Some(20));
        let unread = PartitionSpan {
            at_time: None,
            committed: None,
            ..span
        };
        check(OffsetReset::Shift(3), unread, None);
        check(OffsetReset::TimestampMs(1), unread, Some(20));
    }
}
