//! Ranges of addresses that clients come from.

use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Ranges in one list of those who may connect. Ours.
pub const ALLOWED_RANGES_MAX: usize = 100;
/// Longest description of a range, in characters. Ours.
pub const RANGE_DESCRIPTION_CHARS_MAX: usize = 256;

/// An address, or all that begin as it does: `10.0.0.1`, `10.0.0.0/8`, `::1`. Kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressRange {
    text: String,
    address: IpAddr,
    bits: u8,
}

/// A text that is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an address such as 10.0.0.1, or a range such as 10.0.0.0/8, is expected")]
pub struct AddressRangeFault;

impl AddressRange {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The address that it begins with, and how many of its bits count.
    pub const fn prefix(&self) -> (IpAddr, u8) {
        (self.address, self.bits)
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeFault;

    fn from_str(text: &str) -> Result<Self, AddressRangeFault> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| AddressRangeFault)?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => whole,
            Some(bits) if bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().map_err(|_| AddressRangeFault)?
            }
            Some(_) => return Err(AddressRangeFault),
        };
        if bits > whole {
            return Err(AddressRangeFault);
        }
        Ok(Self {
            text: text.to_owned(),
            address,
            bits,
        })
    }
}

impl TryFrom<String> for AddressRange {
    type Error = AddressRangeFault;

    fn try_from(text: String) -> Result<Self, AddressRangeFault> {
        text.parse()
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        range.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        let check = |text: &str, expected: Option<(&str, u8)>| {
            let found = text.parse::<AddressRange>().ok();
            let expected = expected.map(|(address, bits)| (address.parse().unwrap(), bits));
            assert_eq!(found.as_ref().map(AddressRange::prefix), expected, "{text}");
            if let Some(range) = found {
                let row = serde_json::to_string(&range).unwrap();
                assert_eq!(row, format!("{text:?}"));
                assert_eq!(serde_json::from_str::<AddressRange>(&row).unwrap(), range);
            }
        };
        check("10.0.0.1", Some(("10.0.0.1", 32)));
        check("1.1.1.1/1", Some(("1.1.1.1", 1)));
        check("0.0.0.0/0", Some(("0.0.0.0", 0)));
        check("::1", Some(("::1", 128)));
        check("fe80::/10", Some(("fe80::", 10)));
        for wrong in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0/8",
            "10.0.0.256",
            "10.0.0.0/8/8",
            "10.0.0.0 /8",
            "::/129",
            "host",
            "10.0.0.0/0008",
        ] {
            check(wrong, None);
        }
    }
}
