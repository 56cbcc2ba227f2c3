//! UpdateAllowedIp: lets addresses connect to an endpoint, or lets one connect no more: who is connected is disconnected.

use brokerage_domain::Error;
use brokerage_domain::address::AddressRange;
use brokerage_domain::id::InstanceId;
use brokerage_domain::listener::AllowedRange;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::Deserialize;

use crate::alikafka::allow_list::{Door, ranges};
use crate::alikafka::fault::{field, shortened};

pub struct UpdateAllowedIp;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    update_type: String,
    allowed_list_type: String,
    port_range: String,
    /// Several, between commas, where they are added.
    allowed_list_ip: String,
    description: Option<String>,
}

impl Operation for UpdateAllowedIp {
    const NAME: &'static str = "UpdateAllowedIp";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let door = Door::named(&request.allowed_list_type, &request.port_range)?;
        let named = named(&request.allowed_list_ip)?;
        let description = given(request.description.as_ref()).unwrap_or_default();
        let description = description.to_owned();
        let changed = match request.update_type.as_str() {
            "add" => {
                let add =
                    move |list: Option<&[AllowedRange]>| Ok(added(list, &named, &description));
                control.listener_allow(cx, &id, door.kind, add).await
            }
            "delete" => {
                let [one] = named.as_slice() else {
                    return Err(field("AllowedListIp", "one at a time is deleted"));
                };
                let one = one.clone();
                let delete = move |list: Option<&[AllowedRange]>| deleted(list, &one);
                control.listener_allow(cx, &id, door.kind, delete).await
            }
            _ => return Err(field("UpdateType", "not add or delete")),
        };
        Ok(changed?)
    }
}

fn named(list: &str) -> Result<Vec<AddressRange>, CallError> {
    let texts = list.split(',').map(str::trim);
    let parsed = texts.map(|text| {
        let wrong = |fault| field("AllowedListIp", format!("{:?}: {fault}", shortened(text)));
        text.parse().map_err(wrong)
    });
    parsed.collect()
}

/// What is there already stays as it is, but for another description.
fn added(
    list: Option<&[AllowedRange]>,
    named: &[AddressRange],
    description: &str,
) -> Option<Vec<AllowedRange>> {
    let mut next = ranges(list);
    for addresses in named {
        match next.iter_mut().find(|range| range.addresses == *addresses) {
            Some(known) if !description.is_empty() => known.description = description.to_owned(),
            Some(_) => {}
            None => next.push(AllowedRange {
                addresses: addresses.clone(),
                description: description.to_owned(),
            }),
        }
    }
    Some(next)
}

fn deleted(
    list: Option<&[AllowedRange]>,
    one: &AddressRange,
) -> Result<Option<Vec<AllowedRange>>, Error> {
    let mut next = ranges(list);
    let before = next.len();
    next.retain(|range| range.addresses != *one);
    if next.len() == before {
        return Err(Error::invalid("AllowedListIp", "it is not in the list"));
    }
    Ok(Some(next))
}
