//! Sandbox mode: a well-known account with money and a well-known key, for people who test offline.

use brokerage_domain::access::Policy;
use brokerage_domain::error::Kind;
use brokerage_domain::id::{AccessKeyId, NetworkId, SubnetId};
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::network::{Network, Subnet};
use brokerage_domain::{Error, Result};
use brokerage_store::network::{network_insert, subnet_insert};
use secrecy::SecretString;

use crate::access_key::NewKey;
use crate::control::Control;

/// Name of the account.
pub const SANDBOX_ACCOUNT: &str = "sandbox";
/// Id of its key.
pub const SANDBOX_KEY_ID: &str = "BROKERAGESANDBOX";
/// Secret of its key: public, which is why sandbox mode listens on loopback only and the key is unknown without it.
pub const SANDBOX_SECRET: &str = "brokerage-sandbox-secret";
/// What it starts with, in whole units of every currency.
pub const SANDBOX_UNITS: i64 = 100_000_000;
/// Subnets that a region begins with: as many as its address range has room for.
const SANDBOX_SUBNETS_MAX: usize = 256;

impl Control {
    /// Makes what sandbox mode brings, as far as it is not there yet.
    ///
    /// # Errors
    /// [`Error::Internal`] when the store fails.
    pub async fn sandbox_prepare(&self) -> Result<()> {
        let account = match self.account_create(SANDBOX_ACCOUNT).await {
            Ok(account) => account,
            Err(Error::Exists {
                kind: Kind::Account,
                ..
            }) => match self.account_view(SANDBOX_ACCOUNT).await {
                Ok(account) => account,
                Err(error) => return self.sandbox_unreadable(&error),
            },
            Err(error) => return Err(error),
        };
        let money = Money::from_units(SANDBOX_UNITS).map_err(Error::internal)?;
        for currency in Currency::ALL {
            self.account_top_up(
                &account.id,
                money,
                currency,
                &format!("sandbox:{}", currency.code()),
            )
            .await?;
        }
        let key = NewKey {
            id: Some(AccessKeyId::new(SANDBOX_KEY_ID)),
            secret: Some(SecretString::from(SANDBOX_SECRET)),
            session_token: None,
            policy: Policy::allow_all(),
        };
        match self.access_key_create(&account.id, key).await {
            Ok(_)
            | Err(Error::Exists {
                kind: Kind::AccessKey,
                ..
            }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What the sandbox account's row holds cannot be read: nobody calls in its name, and everybody else is served.
    fn sandbox_unreadable(&self, error: &Error) -> Result<()> {
        let cause = error as &dyn std::error::Error;
        tracing::error!(error = cause, "the sandbox account is left as it is");
        Ok(())
    }

    /// Makes a network in every region of every catalog, with a subnet in every zone, as far as they are not there.
    ///
    /// # Errors
    /// [`Error::Internal`] when the store fails.
    pub async fn sandbox_networks_prepare(&self) -> Result<()> {
        let account = match self.account_view(SANDBOX_ACCOUNT).await {
            Ok(account) => account.id,
            Err(error) => return self.sandbox_unreadable(&error),
        };
        let mut networks = Vec::new();
        let mut subnets = Vec::new();
        let now = self.now();
        for catalog in self.catalogs.current() {
            for region in catalog.regions() {
                let network = Network {
                    id: NetworkId::new(format!("net-sandbox-{}", region.id)),
                    profile: catalog.profile().to_owned(),
                    region: region.id.clone(),
                    name: SANDBOX_ACCOUNT.to_owned(),
                    cidr: "10.0.0.0/16".to_owned(),
                    created_at: now,
                };
                let zones = catalog.zones(&region.id).take(SANDBOX_SUBNETS_MAX);
                subnets.extend(zones.enumerate().map(|(at, zone)| Subnet {
                    id: SubnetId::new(format!("subnet-sandbox-{}", zone.id)),
                    network_id: network.id.clone(),
                    profile: network.profile.clone(),
                    region: network.region.clone(),
                    zone: zone.id.clone(),
                    name: zone.name.clone(),
                    cidr: format!("10.0.{at}.0/24"),
                    created_at: now,
                }));
                networks.push(network);
            }
        }
        self.write("sandbox_networks", move |tx| {
            for network in &networks {
                network_insert(tx, &account, network)?;
            }
            // A zone that several regions share has its subnet in the first of them.
            for subnet in &subnets {
                subnet_insert(tx, &account, subnet)?;
            }
            Ok(())
        })
        .await
    }
}
