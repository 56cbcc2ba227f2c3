//! The cloud as one value.

use brokerage_domain::listing::Listing;
use brokerage_wire::Cloud;
use brokerage_wire::language::Texts;
use brokerage_wire::operation::Table;

use crate::{ckafka, client, language, signing, tag, vpc, wire};

/// Tencent Cloud.
pub static CLOUD: Cloud = Cloud {
    name: "Tencent Cloud",
    wire: &wire::Tencent,
    schemes: &[&signing::TC3, &signing::V1_SHA1, &signing::V1_SHA256],
    services: SERVICES,
    other_resource_forms: &[],
    // Lists of CKafka leave deleted instances out.
    listings: &[(ckafka::PROFILE, Listing::ById)],
    texts: Texts::of(language::ROWS),
    client: client::CLIENT,
    purchases: &[&client::CKAFKA],
};

/// Its services.
pub(crate) static SERVICES: &[&Table] = &[&ckafka::TABLE, &tag::TABLE, &vpc::TABLE];
