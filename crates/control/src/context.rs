//! Who asks, for what, where: what every use case is given first.

use brokerage_domain::id::{AccessKeyId, AccountId};

/// The authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Whose resources.
    pub account_id: AccountId,
    /// The account's numeric identity.
    pub account_number: i64,
    /// Which key asked; `None` for the operator's command line and for the system itself.
    pub key_id: Option<AccessKeyId>,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who asks.
    pub principal: Principal,
    /// Id of this call, in answers and logs.
    pub request_id: String,
    /// The catalog that the dialect sells from.
    pub profile: &'static str,
    /// The region that the caller named; empty where the operation has none.
    pub region: String,
    /// What the caller calls the operation, for the audit trail.
    pub operation: &'static str,
    /// The nonce of a signed call that changes something: remembered in the transaction of the change.
    pub nonce: Option<String>,
}

impl Context {
    /// Whose resources.
    pub fn account(&self) -> &AccountId {
        &self.principal.account_id
    }
}
