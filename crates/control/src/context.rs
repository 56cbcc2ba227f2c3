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
    /// The region that the call is about; empty where it is about all of them, because the service has none or the
    /// caller need not name one. What is in another region is not there: see [`Context::covers`].
    pub region: String,
    /// The region that the caller named, not checked: what an order says that is placed where there are no regions.
    pub region_named: String,
    /// What the caller calls the operation, for the audit trail.
    pub operation: &'static str,
    /// The nonce of a signed call that changes something: remembered in the transaction of the change.
    pub nonce: Option<String>,
}

impl Context {
    /// Whether what is in `region` is there for this call: the one rule for everything that a caller names by id or
    /// lists, whether it is looked at or changed.
    pub fn covers(&self, region: &str) -> bool {
        self.region.is_empty() || self.region == region
    }

    /// The same call about another region; empty for all of them.
    #[must_use]
    pub fn in_region(&self, region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            ..self.clone()
        }
    }

    /// Whose resources.
    pub fn account(&self) -> &AccountId {
        &self.principal.account_id
    }
}
