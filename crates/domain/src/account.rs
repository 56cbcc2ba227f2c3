//! Accounts: who pays.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::id::AccountId;

/// Somebody who owns keys, instances and money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Our id.
    pub id: AccountId,
    /// The numeric identity that dialects show where their cloud shows a number.
    pub number: i64,
    /// What people call it; unique.
    pub name: String,
    /// When it was opened.
    pub created_at: Moment,
}

/// Longest account name, in characters.
pub const ACCOUNT_NAME_CHARS_MAX: usize = 64;

/// Whether `name` may name an account: 1 to 64 letters, digits, `.`, `_` or `-`.
pub fn account_name_is_valid(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= ACCOUNT_NAME_CHARS_MAX
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}
