//! ModifyInstance: makes more or less of an instance, as AliKafka's upgrades and downgrade.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::{CallError, invalid, missing};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::Deserialize;

use crate::alikafka::change::{Change, Direction};
use crate::bss::convert::{Ordered, Subscription, check_owner, check_product, client_token};
use crate::bss::fault::order_check;
use crate::bss::property::{Properties, Property};

/// What never changes of an instance.
const FIXED: [Property; 3] = [Property::Region, Property::DiskType, Property::MsgRetain];

pub struct ModifyInstance;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: Option<String>,
    product_code: String,
    product_type: Option<String>,
    subscription_type: String,
    modify_type: String,
    parameter: Option<Vec<Parameter>>,
    client_token: Option<String>,
    owner_id: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    code: String,
    value: String,
}

impl Operation for ModifyInstance {
    const NAME: &'static str = "ModifyInstance";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Ordered;
    const RESOURCE: ResourceId<Self::Request> = |request| request.instance_id.as_deref();

    async fn call(call: Call, request: Request) -> Result<Ordered, CallError> {
        check_owner(&call.cx, request.owner_id)?;
        let named = given(request.instance_id.as_ref()).ok_or_else(|| missing("InstanceId"))?;
        let subscription = Subscription::parse(&request.subscription_type)?;
        let direction = match request.modify_type.as_str() {
            "Upgrade" => Direction::Up,
            "Downgrade" if subscription == Subscription::PayAsYouGo => Direction::Down,
            // What was paid in advance does not shrink yet, as in AliKafka.
            "Downgrade" => return Err(order_check(&"a subscription does not become less").into()),
            _ => return Err(invalid("ModifyType", "not Upgrade or Downgrade")),
        };
        let id = InstanceId::new(named);
        let before = call.control.instance_view(&call.cx, &id).await?;
        let product_type = given(request.product_type.as_ref());
        check_product(Some(&request.product_code), product_type, &before)?;
        let prepaid = subscription == Subscription::Subscription;
        let mut change = change(named, request.parameter.as_deref().unwrap_or_default())?;
        let bound = (&request.modify_type, &change);
        change.token = client_token(request.client_token.as_ref(), &bound)?;
        let order_id = change.place(call, prepaid, direction).await?;
        Ok(Ordered::new(&order_id))
    }
}

/// The change that properties name.
fn change(id: &str, parameters: &[Parameter]) -> Result<Change, CallError> {
    let pairs: Vec<(&str, &str)> = parameters
        .iter()
        .map(|Parameter { code, value }| (code.as_str(), value.as_str()))
        .collect();
    let properties = Properties::from_pairs(&pairs).map_err(|fault| order_check(&fault))?;
    if let Some(fixed) = FIXED
        .into_iter()
        .find(|fixed| properties.text(*fixed).is_some())
    {
        let reason = format!("the property {} stays as it was bought", fixed.code());
        return Err(order_check(&reason).into());
    }
    let int = |property| {
        let number = properties.int(property);
        number.map_err(|fault| order_check(&fault))
    };
    let text = |property| properties.text(property).map(str::to_owned);
    let eip_model = properties
        .public_said()
        .map_err(|fault| order_check(&fault))?;
    Ok(Change {
        instance_id: id.to_owned(),
        disk_size: int(Property::DiskSize)?,
        io_max: int(Property::IoMax)?,
        io_max_spec: text(Property::IoMaxSpec),
        spec_type: text(Property::SpecType),
        topic_quota: int(Property::TopicQuota)?,
        partition_num: int(Property::PartitionNum)?,
        eip_max: int(Property::EipMax)?,
        eip_model,
        token: None,
    })
}
