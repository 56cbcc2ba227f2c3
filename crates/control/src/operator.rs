//! What an operator's command acts for: the owner of what it names, without a key and in every region.

use brokerage_domain::account::Account;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::{Error, Result};
use brokerage_store::instance::instance_by_id;

use crate::call::Call;
use crate::context::{Context, Principal, Rights};
use crate::control::Control;

impl Control {
    /// An instance of any account, by its id, or by its name where no other has it.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for one that is gone; [`Error::Invalid`] for a name that several instances have.
    pub async fn instance_find(&self, id_or_name: &str) -> Result<Instance> {
        let id = InstanceId::new(id_or_name);
        let found = self
            .read("instance_find", move |tx| Ok(instance_by_id(tx, &id)?))
            .await?;
        if let Some(instance) = found.filter(|found| found.phase != Phase::Gone) {
            return Ok(instance);
        }
        let all = self.instance_list_all().await?.into_iter().flatten();
        let mut named = all.filter(|instance| instance.name == id_or_name);
        match (named.next(), named.next()) {
            (Some(instance), None) => Ok(instance),
            (Some(one), Some(other)) => Err(Error::invalid(
                "the instance",
                format!(
                    "more than one is named {id_or_name}, {} and {} among them: say its id",
                    one.id, other.id
                ),
            )),
            (None, _) => Err(Error::not_found(Kind::Instance, id_or_name)),
        }
    }

    /// A context for the operator's look at what an account has in a profile.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such profile.
    pub fn operator_context(
        &self,
        account: &Account,
        profile: &str,
        operation: &'static str,
    ) -> Result<Context> {
        Ok(Context {
            principal: Principal {
                account_id: account.id.clone(),
                account_number: account.number,
                key_id: None,
            },
            request_id: self.chance.uuid(),
            profile: self.profile_named(profile)?,
            region: String::new(),
            region_named: String::new(),
            operation,
            rights: Rights::default(),
        })
    }

    /// A call for the operator's change of an instance, which the audit trail shows as the operator's.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn operator_call(&self, of: &Instance, operation: &'static str) -> Result<Call> {
        let account = self.account_view(of.account_id.as_str()).await?;
        let cx = self.operator_context(&account, &of.profile, operation)?;
        Ok(Call::new(cx, None))
    }

    /// The profiles that something is sold from, by name.
    pub fn profiles(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.listings.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// A profile by its name.
    ///
    /// # Errors
    /// [`Error::Invalid`], which says which there are.
    pub fn profile_named(&self, name: &str) -> Result<&'static str> {
        let profiles = self.profiles();
        let found = profiles.iter().find(|profile| **profile == name);
        found.copied().ok_or_else(|| {
            let reason = format!("{name} is none of {}", profiles.join(", "));
            Error::invalid("the profile", reason)
        })
    }
}
