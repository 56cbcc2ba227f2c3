//! The cloud as one value.

use brokerage_domain::listing::Listing;
use brokerage_wire::Cloud;
use brokerage_wire::language::Texts;
use brokerage_wire::operation::Table;

use crate::{client, kafka, language, signing, vpc, wire};

/// JD Cloud.
pub static CLOUD: Cloud = Cloud {
    name: "JD Cloud",
    wire: &wire::JdCloud,
    schemes: &[&signing::JDCLOUD2, &signing::JDCLOUD3],
    services: SERVICES,
    other_resource_forms: vpc::OTHER_FORMS,
    // Ours: the page of describeInstances names no order.
    listings: &[(kafka::PROFILE, Listing::NewestFirst)],
    texts: Texts::of(language::ROWS),
    client: client::CLIENT,
    purchases: &[&client::JDKAFKA],
};

/// Its services.
pub(crate) static SERVICES: &[&Table] = &[&kafka::TABLE, &vpc::TABLE];
