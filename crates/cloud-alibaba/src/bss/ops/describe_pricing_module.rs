//! DescribePricingModule: the modules that a price inquiry can name, and the properties that they are configured by.

use brokerage_domain::Error;
use brokerage_domain::catalog::{Catalog, Site, TermUnit};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::bss::convert::{Subscription, check_owner};
use crate::bss::price::{check_product, configured_by};
use crate::bss::property::Property;

/// Modules with their names for people, in the order of the answer.
const MODULES: [(Property, &str); 5] = [
    (Property::PartitionNum, "Partitions"),
    (Property::TopicQuota, "Topics"),
    (Property::IoMaxSpec, "Traffic specification"),
    (Property::DiskSize, "Disk"),
    (Property::EipMax, "Public traffic"),
];

pub struct DescribePricingModule;

/// Parameters, as on the vendor's page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    product_code: String,
    product_type: Option<String>,
    subscription_type: String,
    owner_id: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    data: Data,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    module_list: Modules,
    attribute_list: Attributes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Modules {
    module: Vec<Module>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Module {
    module_code: &'static str,
    module_name: &'static str,
    price_type: &'static str,
    currency: &'static str,
    config_list: Configs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Configs {
    config_list: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    attribute: Vec<Attribute>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    code: &'static str,
    name: &'static str,
    unit: Option<&'static str>,
    values: Values,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Values {
    attribute_value: Vec<AttributeValue>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeValue {
    #[serde(rename = "Type")]
    kind: &'static str,
    name: String,
    value: String,
}

impl Operation for DescribePricingModule {
    const NAME: &'static str = "DescribePricingModule";
    const ACTION: &'static str = "DescribePrice";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        check_owner(cx, request.owner_id)?;
        let subscription = Subscription::parse(&request.subscription_type)?;
        check_product(
            (
                &request.product_code,
                given(request.product_type.as_ref()),
                &request.subscription_type,
            ),
            subscription,
        )?;
        let catalog = control.catalog(cx.profile)?;
        let (site, unit, price_type) = match subscription {
            Subscription::Subscription => (Site::default(), TermUnit::Month, "Month"),
            Subscription::PayAsYouGo => (Site::default(), TermUnit::Hour, "Hour"),
        };
        let currency = catalog
            .currency(site)
            .ok_or_else(|| Error::internal("the catalog has no currency for the site"))?;
        let module = |(property, name): (Property, &'static str)| Module {
            module_code: property.code(),
            module_name: name,
            price_type,
            currency: currency.code(),
            config_list: Configs {
                config_list: configured_by(property)
                    .iter()
                    .map(|part| part.code())
                    .collect(),
            },
        };
        Ok(Response {
            data: Data {
                module_list: Modules {
                    module: MODULES.map(module).into(),
                },
                attribute_list: Attributes {
                    attribute: attributes(catalog, site, unit),
                },
            },
        })
    }
}

/// The properties that modules are configured by. Those without values take any number in the range of the row.
fn attributes(catalog: &Catalog, site: Site, unit: TermUnit) -> Vec<Attribute> {
    let editions = || {
        catalog
            .editions()
            .iter()
            .filter(|edition| catalog.unit_is_sold(&edition.code, site, unit))
    };
    let values = |texts: Vec<String>| Values {
        attribute_value: texts
            .into_iter()
            .map(|text| AttributeValue {
                kind: "single_string",
                name: text.clone(),
                value: text,
            })
            .collect(),
    };
    let mut disk_types: Vec<String> = editions()
        .flat_map(|edition| edition.disk_types.iter().cloned())
        .collect();
    disk_types.sort();
    disk_types.dedup();
    let attribute = |property: Property, name, unit, texts| Attribute {
        code: property.code(),
        name,
        unit,
        values: values(texts),
    };
    let rows = editions()
        .flat_map(|edition| catalog.specs(&edition.code))
        .map(|spec| spec.code.clone());
    let mut rows: Vec<String> = rows.collect();
    rows.dedup();
    vec![
        attribute(
            Property::Region,
            "Region",
            None,
            catalog
                .regions()
                .iter()
                .map(|region| region.id.clone())
                .collect(),
        ),
        attribute(
            Property::SpecType,
            "Edition",
            None,
            editions().map(|edition| edition.code.clone()).collect(),
        ),
        attribute(Property::IoMaxSpec, "Traffic specification", None, rows),
        attribute(Property::DiskType, "Disk type", None, disk_types),
        attribute(Property::DiskSize, "Disk", Some("GB"), Vec::new()),
        attribute(Property::TopicQuota, "Topics", None, Vec::new()),
        attribute(Property::PartitionNum, "Partitions", None, Vec::new()),
        attribute(
            Property::EipMax,
            "Public traffic",
            Some("Mbit/s"),
            Vec::new(),
        ),
    ]
}
