//! What a cloud is, as one value: where the operation's name stands, how parameters travel, what an answer looks
//! like, how calls are signed, which services there are, and how our own client buys from it.

use brokerage_domain::access::Vocabulary;
use brokerage_domain::listing::Listing;

use crate::client::{Client, Purchase};
use crate::fault::Fault;
use crate::language::{Language, Texts};
use crate::message::{WireRequest, WireResponse};
use crate::operation::{Row, Table};
use crate::params::{Param, ParamError, Types};
use crate::signing::{self, Claim, Scheme, SignatureFault};

/// One cloud. Everything that differs between clouds stands here, or in what stands here.
pub struct Cloud {
    /// Its name, for people.
    pub name: &'static str,
    /// Its wire.
    pub wire: &'static dyn CloudWire,
    /// Its signature schemes.
    pub schemes: &'static [&'static Scheme],
    /// Its services: what is sold, and what buyers ask before they buy.
    pub services: &'static [&'static Table],
    /// How policies name resources beside the [`Table::resource_form`] of each service.
    pub other_resource_forms: &'static [&'static str],
    /// How its instances are listed, by the profile that they are sold from.
    pub listings: &'static [(&'static str, Listing)],
    /// What its refusals say, in every language.
    pub texts: Texts,
    /// How calls are made.
    pub client: Client,
    /// How a cluster is bought, one way a service that sells.
    pub purchases: &'static [&'static Purchase],
}

/// The clouds that are spoken. A new one adds its crate, and its line in the composition root.
#[derive(Clone, Copy)]
pub struct Clouds {
    /// Those that recognise their own calls, in the order in which they are asked.
    pub first: &'static [&'static Cloud],
    /// The one that answers everything else.
    pub last: &'static Cloud,
}

impl Clouds {
    /// All of them, in the order in which they are asked.
    pub fn all(self) -> impl Iterator<Item = &'static Cloud> + Clone {
        self.first.iter().copied().chain(std::iter::once(self.last))
    }

    /// Every service of every cloud.
    pub fn services(self) -> impl Iterator<Item = &'static Table> + Clone {
        self.all().flat_map(|cloud| cloud.services).copied()
    }

    /// Every way to buy a cluster.
    pub fn purchases(self) -> impl Iterator<Item = &'static Purchase> + Clone {
        self.all().flat_map(|cloud| cloud.purchases).copied()
    }

    /// The cloud of a service.
    #[must_use]
    pub fn of_service(self, table: &Table) -> Option<&'static Cloud> {
        let is_its = |own: &&'static Table| std::ptr::eq(*own, table);
        self.all().find(|cloud| cloud.services.iter().any(is_its))
    }

    /// The first cloud that recognises a request, else the last.
    #[must_use]
    pub fn speaking(self, request: &WireRequest) -> &'static Cloud {
        let mut first = self.first.iter().copied();
        let found = first.find(|cloud| cloud.wire.speaks(request));
        found.unwrap_or(self.last)
    }

    /// Finds the signature scheme of a request, of whichever cloud, and reads the caller's claim.
    ///
    /// # Errors
    /// As [`signing::claim`].
    pub fn claim(self, request: &WireRequest) -> Result<Claim, SignatureFault> {
        signing::claim(request, self.schemes())
    }

    /// The same of a request whose body is not there yet.
    ///
    /// # Errors
    /// As [`signing::head_claim`].
    pub fn head_claim(self, request: &WireRequest) -> Result<Claim, SignatureFault> {
        signing::head_claim(request, self.schemes())
    }

    fn schemes(self) -> impl Iterator<Item = &'static Scheme> + Clone {
        self.all().flat_map(|cloud| cloud.schemes).copied()
    }

    /// How every profile's instances are listed.
    #[must_use]
    pub fn listings(self) -> Vec<(&'static str, Listing)> {
        self.all()
            .flat_map(|cloud| cloud.listings)
            .copied()
            .collect()
    }

    /// The words of every service that policies are written in. Regions are the catalogs'.
    #[must_use]
    pub fn vocabulary(self) -> Vocabulary {
        let rows = || {
            self.services()
                .flat_map(|table| table.rows.iter().map(move |row| (table, row)))
        };
        let others = self.all().flat_map(|cloud| cloud.other_resource_forms);
        Vocabulary {
            actions: rows().map(|(table, row)| table.action(row)).collect(),
            condition_keys: rows()
                .flat_map(|(_, row)| row.condition_keys)
                .copied()
                .collect(),
            resource_forms: self
                .services()
                .map(|table| table.resource_form)
                .chain(others.copied())
                .collect(),
            regions: Vec::new(),
        }
    }
}

/// A request whose operation was found.
pub struct Route {
    /// The dialect.
    pub table: &'static Table,
    /// The operation.
    pub row: &'static Row,
    /// Parameters that stand in the path, with their vendor names.
    pub path_params: Vec<(&'static str, String)>,
}

/// What an answer is about.
pub struct Answer<'a> {
    /// The request that is answered.
    pub request: &'a WireRequest,
    /// The operation, when it was found.
    pub route: Option<&'a Route>,
    /// The id of the call.
    pub request_id: &'a str,
}

/// One cloud's wire.
pub trait CloudWire: Sync {
    /// Whether the request looks like this cloud's.
    fn speaks(&self, request: &WireRequest) -> bool;

    /// Finds the operation.
    ///
    /// # Errors
    /// The vendor's refusal of unknown services, versions and operations.
    fn route(&self, request: &WireRequest) -> Result<Route, Fault>;

    /// All parameters of the request as one tree.
    ///
    /// # Errors
    /// [`ParamError`] where the request cannot be read.
    fn params(&self, request: &WireRequest, route: &Route) -> Result<Param, ParamError>;

    /// Whether its parameters travelled with types of their own.
    fn types(&self, _request: &WireRequest) -> Types {
        Types::InText
    }

    /// What the vendor calls the parameter that names a region.
    fn region_parameter(&self) -> &'static str;

    /// The region that the caller named; empty when none was.
    fn region(&self, request: &WireRequest, params: &Param) -> String;

    /// The id of a call, in the vendor's form, from a lower-case UUID.
    fn request_id(&self, uuid: String) -> String {
        uuid
    }

    /// The language that the caller reads refusals in, as the vendor lets it choose.
    fn language(&self, request: &WireRequest) -> Language {
        let header = request.header("accept-language");
        header.map_or(Language::English, Language::accepted)
    }

    /// The vendor's refusal of a signature.
    fn signature_fault(&self, fault: &SignatureFault) -> Fault;

    /// The vendor's refusal of an unknown or switched-off access key.
    fn unknown_key(&self, id: &str) -> Fault;

    /// The vendor's refusal of a session token that does not belong to the key.
    fn wrong_token(&self) -> Fault;

    /// The answer to a call that succeeded. `body` is the operation's answer without its envelope.
    fn render(&self, answer: &Answer<'_>, body: serde_json::Value) -> WireResponse;

    /// The answer to a call that failed.
    fn render_fault(&self, answer: &Answer<'_>, fault: &Fault) -> WireResponse;
}
