//! Versions of requests that Apache Kafka 4.0 retired and `kafka-protocol` does not know, read and written by
//! hand (the rows of `api.rs` say which): what admin clients of Kafka 1.0 send, and simple clients to this day.
//!
//! All of them are older than compact encodings. The fields are those of Kafka's message definitions before
//! 4.0 (KIP-896 names what went).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic,
};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::create_delegation_token_request::CreatableRenewers;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::describe_delegation_token_request::DescribeDelegationTokenOwner;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::{
    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, CreateDelegationTokenRequest,
    CreateDelegationTokenResponse, DescribeDelegationTokenRequest, DescribeDelegationTokenResponse,
    ExpireDelegationTokenRequest, ExpireDelegationTokenResponse, RenewDelegationTokenRequest,
    RenewDelegationTokenResponse,
};
use kafka_protocol::messages::{
    BrokerId, CreateAclsRequest, CreateAclsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteAclsRequest, DeleteAclsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeAclsRequest, DescribeAclsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::config;
use super::shape::DECODED_BYTES_MAX;

/// The request ends too early, or has a string that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request ends too early, holds text that is not UTF-8, or is too large")]
pub(super) struct Short;

/// What is left of a request.
pub(super) struct Body {
    bytes: Bytes,
    version: i16,
    /// Memory that its arrays may still take.
    room_bytes: usize,
}

impl Body {
    pub(super) fn new(bytes: Bytes, version: i16) -> Self {
        Self {
            bytes,
            version,
            room_bytes: DECODED_BYTES_MAX,
        }
    }

    fn i8(&mut self) -> Result<i8, Short> {
        self.bytes.try_get_i8().map_err(|_| Short)
    }

    fn i16(&mut self) -> Result<i16, Short> {
        self.bytes.try_get_i16().map_err(|_| Short)
    }

    fn i32(&mut self) -> Result<i32, Short> {
        self.bytes.try_get_i32().map_err(|_| Short)
    }

    fn i64(&mut self) -> Result<i64, Short> {
        self.bytes.try_get_i64().map_err(|_| Short)
    }

    fn binary(&mut self) -> Result<Bytes, Short> {
        let bytes = usize::try_from(self.i32()?).map_err(|_| Short)?;
        match bytes > self.bytes.len() {
            true => Err(Short),
            false => Ok(self.bytes.split_to(bytes)),
        }
    }

    fn optional_text(&mut self) -> Result<Option<StrBytes>, Short> {
        let Ok(bytes) = usize::try_from(self.i16()?) else {
            return Ok(None);
        };
        if bytes > self.bytes.len() {
            return Err(Short);
        }
        let text = StrBytes::from_utf8(self.bytes.split_to(bytes)).map_err(|_| Short)?;
        Ok(Some(text))
    }

    fn text(&mut self) -> Result<StrBytes, Short> {
        self.optional_text()?.ok_or(Short)
    }

    /// The array grows with its elements, not with the announced count, and is bounded.
    fn optional_array<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, Short>,
    ) -> Result<Option<Vec<T>>, Short> {
        let count = self.i32()?;
        if count < 0 {
            return Ok(None);
        }
        let mut elements = Vec::new();
        for _ in 0..count {
            let left = self.room_bytes.checked_sub(size_of::<T>());
            self.room_bytes = left.ok_or(Short)?;
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    fn array<T>(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<T, Short>,
    ) -> Result<Vec<T>, Short> {
        self.optional_array(element)?.ok_or(Short)
    }
}

/// An answer that is being written: room for the length, the correlation id, the body.
pub(super) struct Answer {
    bytes: BytesMut,
    version: i16,
}

impl Answer {
    pub(super) fn new(correlation_id: i32, version: i16) -> Self {
        let mut bytes = BytesMut::new();
        bytes.put_i32(0);
        bytes.put_i32(correlation_id);
        Self { bytes, version }
    }

    pub(super) fn finish(mut self) -> Bytes {
        let length = (self.bytes.len() - 4) as u32;
        self.bytes[..4].copy_from_slice(&length.to_be_bytes());
        self.bytes.freeze()
    }

    fn text(&mut self, text: &str) {
        self.bytes.put_i16(text.len() as i16);
        self.bytes.put_slice(text.as_bytes());
    }

    fn optional_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.bytes.put_i16(-1),
        }
    }

    /// Success has no message.
    fn message(&mut self, error_code: i16, message: Option<&str>) {
        self.optional_text(message.filter(|_| error_code != 0));
    }

    fn bool(&mut self, value: bool) {
        self.bytes.put_u8(u8::from(value));
    }

    fn array<T>(&mut self, elements: &[T], mut element: impl FnMut(&mut Self, &T)) {
        self.bytes.put_i32(elements.len() as i32);
        for one in elements {
            element(self, one);
        }
    }
}

/// Version 1 has `validate_only`.
pub(super) fn read_create_topics(mut body: Body) -> Result<CreateTopicsRequest, Short> {
    let topics = body.array(|body| {
        let topic = CreatableTopic::default()
            .with_name(TopicName(body.text()?))
            .with_num_partitions(body.i32()?)
            .with_replication_factor(body.i16()?);
        let assignments = body.array(|body| {
            Ok(CreatableReplicaAssignment::default()
                .with_partition_index(body.i32()?)
                .with_broker_ids(body.array(|body| Ok(BrokerId(body.i32()?)))?))
        })?;
        let configs = body.array(|body| {
            Ok(CreatableTopicConfig::default()
                .with_name(body.text()?)
                .with_value(body.optional_text()?))
        })?;
        Ok(topic.with_assignments(assignments).with_configs(configs))
    })?;
    Ok(CreateTopicsRequest::default()
        .with_topics(topics)
        .with_timeout_ms(body.i32()?)
        .with_validate_only(body.version >= 1 && body.i8()? != 0))
}

/// Version 1 has messages.
pub(super) fn write_create_topics(answer: &mut Answer, created: &CreateTopicsResponse) {
    answer.array(&created.topics, |answer, topic| {
        answer.text(&topic.name);
        answer.bytes.put_i16(topic.error_code);
        if answer.version >= 1 {
            answer.message(topic.error_code, topic.error_message.as_deref());
        }
    });
}

pub(super) fn read_delete_topics(mut body: Body) -> Result<DeleteTopicsRequest, Short> {
    Ok(DeleteTopicsRequest::default()
        .with_topic_names(body.array(|body| Ok(TopicName(body.text()?)))?)
        .with_timeout_ms(body.i32()?))
}

pub(super) fn write_delete_topics(answer: &mut Answer, deleted: &DeleteTopicsResponse) {
    answer.array(&deleted.responses, |answer, topic| {
        answer.text(topic.name.as_deref().map_or("", |name| name));
        answer.bytes.put_i16(topic.error_code);
    });
}

pub(super) fn read_describe_configs(mut body: Body) -> Result<DescribeConfigsRequest, Short> {
    let resources = body.array(|body| {
        Ok(DescribeConfigsResource::default()
            .with_resource_type(body.i8()?)
            .with_resource_name(body.text()?)
            .with_configuration_keys(body.optional_array(Body::text)?))
    })?;
    Ok(DescribeConfigsRequest::default().with_resources(resources))
}

/// The source of a value was only whether it is Kafka's default.
pub(super) fn write_describe_configs(answer: &mut Answer, described: &DescribeConfigsResponse) {
    let setting = |answer: &mut Answer, setting: &DescribeConfigsResourceResult| {
        answer.text(&setting.name);
        answer.optional_text(setting.value.as_deref());
        answer.bool(setting.read_only);
        answer.bool(setting.config_source == config::SOURCE_DEFAULT);
        answer.bool(setting.is_sensitive);
    };
    answer.bytes.put_i32(described.throttle_time_ms);
    answer.array(&described.results, |answer, resource| {
        answer.bytes.put_i16(resource.error_code);
        answer.message(resource.error_code, resource.error_message.as_deref());
        answer.bytes.put_i8(resource.resource_type);
        answer.text(&resource.resource_name);
        answer.array(&resource.configs, setting);
    });
}

pub(super) fn read_describe_log_dirs(mut body: Body) -> Result<DescribeLogDirsRequest, Short> {
    let topics = body.optional_array(|body| {
        Ok(DescribableLogDirTopic::default()
            .with_topic(TopicName(body.text()?))
            .with_partitions(body.array(Body::i32)?))
    })?;
    Ok(DescribeLogDirsRequest::default().with_topics(topics))
}

pub(super) fn write_describe_log_dirs(answer: &mut Answer, described: &DescribeLogDirsResponse) {
    answer.bytes.put_i32(described.throttle_time_ms);
    answer.array(&described.results, |answer, dir| {
        answer.bytes.put_i16(dir.error_code);
        answer.text(&dir.log_dir);
        answer.array(&dir.topics, |answer, topic| {
            answer.text(&topic.name);
            answer.array(&topic.partitions, |answer, partition| {
                answer.bytes.put_i32(partition.partition_index);
                answer.bytes.put_i64(partition.partition_size);
                answer.bytes.put_i64(partition.offset_lag);
                answer.bool(partition.is_future_key);
            });
        });
    });
}

pub(super) fn read_alter_replica_log_dirs(
    mut body: Body,
) -> Result<AlterReplicaLogDirsRequest, Short> {
    let dirs = body.array(|body| {
        let dir = AlterReplicaLogDir::default().with_path(body.text()?);
        let topics = body.array(|body| {
            Ok(AlterReplicaLogDirTopic::default()
                .with_name(TopicName(body.text()?))
                .with_partitions(body.array(Body::i32)?))
        })?;
        Ok(dir.with_topics(topics))
    })?;
    Ok(AlterReplicaLogDirsRequest::default().with_dirs(dirs))
}

pub(super) fn write_alter_replica_log_dirs(
    answer: &mut Answer,
    altered: &AlterReplicaLogDirsResponse,
) {
    answer.bytes.put_i32(altered.throttle_time_ms);
    answer.array(&altered.results, |answer, topic| {
        answer.text(&topic.topic_name);
        answer.array(&topic.partitions, |answer, partition| {
            answer.bytes.put_i32(partition.partition_index);
            answer.bytes.put_i16(partition.error_code);
        });
    });
}

pub(super) fn read_create_token(mut body: Body) -> Result<CreateDelegationTokenRequest, Short> {
    let renewers = body.array(|body| {
        Ok(CreatableRenewers::default()
            .with_principal_type(body.text()?)
            .with_principal_name(body.text()?))
    })?;
    Ok(CreateDelegationTokenRequest::default()
        .with_owner_principal_type(None)
        .with_owner_principal_name(None)
        .with_renewers(renewers)
        .with_max_lifetime_ms(body.i64()?))
}

pub(super) fn write_create_token(answer: &mut Answer, created: &CreateDelegationTokenResponse) {
    answer.bytes.put_i16(created.error_code);
    answer.text(&created.principal_type);
    answer.text(&created.principal_name);
    answer.bytes.put_i64(created.issue_timestamp_ms);
    answer.bytes.put_i64(created.expiry_timestamp_ms);
    answer.bytes.put_i64(created.max_timestamp_ms);
    answer.text(&created.token_id);
    answer.bytes.put_i32(created.hmac.len() as i32);
    answer.bytes.put_slice(&created.hmac);
    answer.bytes.put_i32(created.throttle_time_ms);
}

pub(super) fn read_renew_token(mut body: Body) -> Result<RenewDelegationTokenRequest, Short> {
    Ok(RenewDelegationTokenRequest::default()
        .with_hmac(body.binary()?)
        .with_renew_period_ms(body.i64()?))
}

pub(super) fn write_renew_token(answer: &mut Answer, renewed: &RenewDelegationTokenResponse) {
    answer.bytes.put_i16(renewed.error_code);
    answer.bytes.put_i64(renewed.expiry_timestamp_ms);
    answer.bytes.put_i32(renewed.throttle_time_ms);
}

pub(super) fn read_expire_token(mut body: Body) -> Result<ExpireDelegationTokenRequest, Short> {
    Ok(ExpireDelegationTokenRequest::default()
        .with_hmac(body.binary()?)
        .with_expiry_time_period_ms(body.i64()?))
}

pub(super) fn write_expire_token(answer: &mut Answer, expired: &ExpireDelegationTokenResponse) {
    answer.bytes.put_i16(expired.error_code);
    answer.bytes.put_i64(expired.expiry_timestamp_ms);
    answer.bytes.put_i32(expired.throttle_time_ms);
}

pub(super) fn read_describe_token(mut body: Body) -> Result<DescribeDelegationTokenRequest, Short> {
    let owners = body.optional_array(|body| {
        Ok(DescribeDelegationTokenOwner::default()
            .with_principal_type(body.text()?)
            .with_principal_name(body.text()?))
    })?;
    Ok(DescribeDelegationTokenRequest::default().with_owners(owners))
}

/// There are no tokens.
pub(super) fn write_describe_token(
    answer: &mut Answer,
    described: &DescribeDelegationTokenResponse,
) {
    answer.bytes.put_i16(described.error_code);
    answer.bytes.put_i32(0);
    answer.bytes.put_i32(described.throttle_time_ms);
}

/// All patterns were literal.
const PATTERN_LITERAL: i8 = 3;

pub(super) fn read_describe_acls(mut body: Body) -> Result<DescribeAclsRequest, Short> {
    Ok(DescribeAclsRequest::default()
        .with_resource_type_filter(body.i8()?)
        .with_resource_name_filter(body.optional_text()?)
        .with_pattern_type_filter(PATTERN_LITERAL)
        .with_principal_filter(body.optional_text()?)
        .with_host_filter(body.optional_text()?)
        .with_operation(body.i8()?)
        .with_permission_type(body.i8()?))
}

pub(super) fn write_describe_acls(answer: &mut Answer, described: &DescribeAclsResponse) {
    answer.bytes.put_i32(described.throttle_time_ms);
    answer.bytes.put_i16(described.error_code);
    answer.message(described.error_code, described.error_message.as_deref());
    answer.array(&described.resources, |answer, resource| {
        answer.bytes.put_i8(resource.resource_type);
        answer.text(&resource.resource_name);
        answer.array(&resource.acls, |answer, acl| {
            answer.text(&acl.principal);
            answer.text(&acl.host);
            answer.bytes.put_i8(acl.operation);
            answer.bytes.put_i8(acl.permission_type);
        });
    });
}

pub(super) fn read_create_acls(mut body: Body) -> Result<CreateAclsRequest, Short> {
    let creations = body.array(|body| {
        Ok(AclCreation::default()
            .with_resource_type(body.i8()?)
            .with_resource_name(body.text()?)
            .with_resource_pattern_type(PATTERN_LITERAL)
            .with_principal(body.text()?)
            .with_host(body.text()?)
            .with_operation(body.i8()?)
            .with_permission_type(body.i8()?))
    })?;
    Ok(CreateAclsRequest::default().with_creations(creations))
}

pub(super) fn write_create_acls(answer: &mut Answer, created: &CreateAclsResponse) {
    answer.bytes.put_i32(created.throttle_time_ms);
    answer.array(&created.results, |answer, result| {
        answer.bytes.put_i16(result.error_code);
        answer.message(result.error_code, result.error_message.as_deref());
    });
}

pub(super) fn read_delete_acls(mut body: Body) -> Result<DeleteAclsRequest, Short> {
    let filters = body.array(|body| {
        Ok(DeleteAclsFilter::default()
            .with_resource_type_filter(body.i8()?)
            .with_resource_name_filter(body.optional_text()?)
            .with_pattern_type_filter(PATTERN_LITERAL)
            .with_principal_filter(body.optional_text()?)
            .with_host_filter(body.optional_text()?)
            .with_operation(body.i8()?)
            .with_permission_type(body.i8()?))
    })?;
    Ok(DeleteAclsRequest::default().with_filters(filters))
}

pub(super) fn write_delete_acls(answer: &mut Answer, deleted: &DeleteAclsResponse) {
    answer.bytes.put_i32(deleted.throttle_time_ms);
    answer.array(&deleted.filter_results, |answer, filter| {
        answer.bytes.put_i16(filter.error_code);
        answer.message(filter.error_code, filter.error_message.as_deref());
        answer.array(&filter.matching_acls, |answer, acl| {
            answer.bytes.put_i16(acl.error_code);
            answer.message(acl.error_code, acl.error_message.as_deref());
            answer.bytes.put_i8(acl.resource_type);
            answer.text(&acl.resource_name);
            answer.text(&acl.principal);
            answer.text(&acl.host);
            answer.bytes.put_i8(acl.operation);
            answer.bytes.put_i8(acl.permission_type);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_that_is_not_there_is_short() {
        let check = |bytes: &'static [u8], expected: Result<Option<usize>, Short>| {
            let read = Body::new(Bytes::from_static(bytes), 0).optional_array(Body::i16);
            assert_eq!(
                read.map(|some| some.map(|all| all.len())),
                expected,
                "{bytes:?}"
            );
        };
        check(&[0x7f, 0xff, 0xff, 0xff], Err(Short));
        check(&[0, 0, 0, 2, 0, 1], Err(Short));
        check(&[0, 0, 0, 1, 0, 1], Ok(Some(1)));
        check(&[0, 0, 0, 0], Ok(Some(0)));
        check(&[0xff; 4], Ok(None));
        check(&[0, 0], Err(Short));
    }

    #[test]
    fn a_request_has_as_many_elements_as_there_is_room_for() {
        let names = |count: u32| {
            let mut bytes = count.to_be_bytes().to_vec();
            bytes.resize(bytes.len() + 2 * count as usize, 0);
            bytes.extend([0; 4]);
            read_delete_topics(Body::new(bytes.into(), 0))
        };
        assert_eq!(names(10_000).unwrap().topic_names.len(), 10_000);
        assert_eq!(names(1_000_000).unwrap_err(), Short);
    }

    #[test]
    fn text_has_to_be_there_and_to_be_utf_8() {
        let check = |bytes: &'static [u8], expected: Result<Option<&str>, Short>| {
            let read = Body::new(Bytes::from_static(bytes), 0).optional_text();
            let read = read.map(|some| some.map(|text| text.to_string()));
            assert_eq!(
                read,
                expected.map(|some| some.map(str::to_owned)),
                "{bytes:?}"
            );
        };
        check(&[0, 2, b'a', b'b'], Ok(Some("ab")));
        check(&[0, 3, b'a', b'b'], Err(Short));
        check(&[0, 1, 0xff], Err(Short));
        check(&[0xff, 0xff], Ok(None));
        check(&[0], Err(Short));
    }
}
