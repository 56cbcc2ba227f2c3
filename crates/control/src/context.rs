//! Who asks, for what, where: what every use case is given first.

use std::sync::Arc;

use brokerage_domain::access::{Attempt, Policy, decide};
use brokerage_domain::id::{AccessKeyId, AccountId};
use brokerage_domain::instance::Instance;
use brokerage_domain::{Error, Result};

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

/// What the policy of the caller's key forbids of instances that a call comes to without having named them: in
/// lists, by an order or by a task. The default forbids nothing.
#[derive(Debug, Clone, Default)]
pub struct Rights(Option<Arc<Denials>>);

#[derive(Debug)]
struct Denials {
    policy: Policy,
    action: String,
    conditions: Vec<(&'static str, String)>,
    resource_form: &'static str,
}

impl Rights {
    /// The rights of a call that its policy permits as a whole.
    pub fn new(
        policy: &Policy,
        action: &str,
        conditions: Vec<(&'static str, String)>,
        resource_form: &'static str,
    ) -> Self {
        let denials = policy.denies().then(|| Denials {
            policy: Policy {
                statements: [&policy.statements[..], &Policy::allow_all().statements].concat(),
            },
            action: action.to_owned(),
            conditions,
            resource_form,
        });
        Self(denials.map(Arc::new))
    }
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
    /// What the caller may not do to instances that it did not name.
    pub rights: Rights,
}

impl Context {
    /// Whether what is in `region` is there for this call: the one rule for everything that a caller names by id or
    /// lists, whether it is looked at or changed.
    pub fn covers(&self, region: &str) -> bool {
        self.region.is_empty() || self.region == region
    }

    /// Whether the caller's policy may leave the call some instances and not others.
    pub(crate) fn is_restricted(&self) -> bool {
        self.rights.0.is_some()
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

    /// Whether the caller's policy leaves the call this instance.
    pub(crate) fn permits(&self, instance: &Instance) -> bool {
        let Some(denials) = &self.rights.0 else {
            return true;
        };
        let conditions: Vec<(&str, &str)> = denials
            .conditions
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let form = denials.resource_form;
        let attempt = Attempt {
            action: &denials.action,
            resource: &resource_name(form, self, &instance.region, instance.id.as_str()),
            conditions: &conditions,
        };
        decide(&denials.policy, &attempt)
    }

    /// As [`Self::permits`], with the refusal.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(crate) fn check(&self, instance: &Instance) -> Result<()> {
        if self.permits(instance) {
            return Ok(());
        }
        let denials = self.rights.0.as_ref();
        let action = denials.map_or_else(String::new, |denials| denials.action.clone());
        Err(Error::Forbidden { action })
    }
}

/// The whole name of a resource of the caller's, from its form with `{region}`, `{account}` and `{id}`.
pub fn resource_name(form: &str, cx: &Context, region: &str, id: &str) -> String {
    form.replace("{region}", region)
        .replace("{account}", &cx.principal.account_number.to_string())
        .replace("{id}", id)
}
