//! DescribeAcls, CreateAcls, DeleteAcls (KIP-140, KIP-290).

use std::collections::BTreeMap;

use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::create_acls_response::AclCreationResult;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::delete_acls_response::{
    DeleteAclsFilterResult, DeleteAclsMatchingAcl,
};
use kafka_protocol::messages::describe_acls_response::{AclDescription, DescribeAclsResource};
use kafka_protocol::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse,
    DescribeAclsRequest, DescribeAclsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::Context;
use crate::error::{ErrorCode, TopicError};
use crate::metadata::acl::{
    Acl, AclFilter, AclOperation, AclPermission, PatternFilter, PatternType, ResourceType,
};

/// Fits everything, in each of the enumerations.
const ANY: i8 = 1;
/// Patterns that apply to a name.
const PATTERN_MATCH: i8 = 2;

fn invalid(message: String) -> TopicError {
    TopicError::new(ErrorCode::InvalidRequest, message)
}

/// One field of a filter: any, one value, or a number that nothing has.
fn filter_field<T>(
    code: i8,
    read: impl FnOnce(i8) -> Option<T>,
    unknown: &str,
) -> Result<Option<T>, TopicError> {
    match (code, read(code)) {
        (ANY, _) => Ok(None),
        (_, Some(value)) => Ok(Some(value)),
        (_, None) => Err(invalid(unknown.to_owned())),
    }
}

/// The fields of a filter, which two requests have under the same names.
struct FilterFields<'a> {
    resource_type: i8,
    resource_name: &'a Option<StrBytes>,
    pattern_type: i8,
    principal: &'a Option<StrBytes>,
    host: &'a Option<StrBytes>,
    operation: i8,
    permission_type: i8,
}

fn read_filter(fields: FilterFields<'_>) -> Result<AclFilter, TopicError> {
    const PATTERN: &str = "Unknown patternFilter.";
    const ENTRY: &str = "Unknown entryFilter.";
    let text = |text: &Option<StrBytes>| text.as_ref().map(StrBytes::to_string);
    Ok(AclFilter {
        resource_type: filter_field(fields.resource_type, ResourceType::from_code, PATTERN)?,
        resource_name: text(fields.resource_name),
        pattern_type: match fields.pattern_type {
            ANY => PatternFilter::Any,
            PATTERN_MATCH => PatternFilter::Match,
            code => PatternFilter::Is(
                PatternType::from_code(code).ok_or_else(|| invalid(PATTERN.to_owned()))?,
            ),
        },
        principal: text(fields.principal),
        host: text(fields.host),
        operation: filter_field(fields.operation, AclOperation::from_code, ENTRY)?,
        permission: filter_field(fields.permission_type, AclPermission::from_code, ENTRY)?,
    })
}

fn described_filter(request: &DescribeAclsRequest) -> Result<AclFilter, TopicError> {
    read_filter(FilterFields {
        resource_type: request.resource_type_filter,
        resource_name: &request.resource_name_filter,
        pattern_type: request.pattern_type_filter,
        principal: &request.principal_filter,
        host: &request.host_filter,
        operation: request.operation,
        permission_type: request.permission_type,
    })
}

fn deleted_filter(filter: &DeleteAclsFilter) -> Result<AclFilter, TopicError> {
    read_filter(FilterFields {
        resource_type: filter.resource_type_filter,
        resource_name: &filter.resource_name_filter,
        pattern_type: filter.pattern_type_filter,
        principal: &filter.principal_filter,
        host: &filter.host_filter,
        operation: filter.operation,
        permission_type: filter.permission_type,
    })
}

pub(crate) async fn describe_acls(
    context: &mut Context,
    request: DescribeAclsRequest,
) -> DescribeAclsResponse {
    let filter = context
        .check_cluster_or_say(AclOperation::Describe)
        .and_then(|()| described_filter(&request));
    let filter = match filter {
        Ok(filter) => filter,
        Err(error) => {
            return DescribeAclsResponse::default()
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into()));
        }
    };
    let mut resources: BTreeMap<(ResourceType, String, PatternType), Vec<AclDescription>> =
        BTreeMap::new();
    for acl in context.cluster.security().list_acls(&filter) {
        let description = AclDescription::default()
            .with_principal(acl.principal.into())
            .with_host(acl.host.into())
            .with_operation(acl.operation.code())
            .with_permission_type(acl.permission.code());
        let resource = (acl.resource_type, acl.resource_name, acl.pattern_type);
        resources.entry(resource).or_default().push(description);
    }
    let resources = resources.into_iter().map(|((kind, name, pattern), acls)| {
        DescribeAclsResource::default()
            .with_resource_type(kind.code())
            .with_resource_name(name.into())
            .with_pattern_type(pattern.code())
            .with_acls(acls)
    });
    DescribeAclsResponse::default().with_resources(resources.collect())
}

fn read_creation(creation: &AclCreation) -> Result<Acl, TopicError> {
    let unknown = |field: &str, code: i8| invalid(format!("Invalid {field} {code}"));
    Ok(Acl {
        resource_type: ResourceType::from_code(creation.resource_type)
            .ok_or_else(|| unknown("resourceType", creation.resource_type))?,
        resource_name: creation.resource_name.to_string(),
        pattern_type: PatternType::from_code(creation.resource_pattern_type)
            .ok_or_else(|| unknown("patternType", creation.resource_pattern_type))?,
        principal: creation.principal.to_string(),
        host: creation.host.to_string(),
        operation: AclOperation::from_code(creation.operation)
            .ok_or_else(|| unknown("operation", creation.operation))?,
        permission: AclPermission::from_code(creation.permission_type)
            .ok_or_else(|| unknown("permissionType", creation.permission_type))?,
    })
}

fn creation_result(result: Result<(), TopicError>) -> AclCreationResult {
    match result {
        Ok(()) => AclCreationResult::default(),
        Err(error) => AclCreationResult::default()
            .with_error_code(error.code)
            .with_error_message(Some(error.message.into())),
    }
}

pub(crate) async fn create_acls(
    context: &mut Context,
    request: CreateAclsRequest,
) -> CreateAclsResponse {
    let read: Vec<Result<Acl, TopicError>> = match context.check_cluster_or_say(AclOperation::Alter)
    {
        Ok(()) => request.creations.iter().map(read_creation).collect(),
        Err(error) => request
            .creations
            .iter()
            .map(|_| Err(error.clone()))
            .collect(),
    };
    let sound: Vec<Acl> = read.iter().filter_map(|acl| acl.clone().ok()).collect();
    let count = sound.len();
    let created = match context.cluster.security().create_acls(sound).await {
        Ok(created) => created,
        Err(error) => vec![Err(error); count],
    };
    let mut created = created.into_iter();
    let results = read.into_iter().map(|acl| {
        let created = acl.and_then(|_| created.next().unwrap_or(Ok(())));
        creation_result(created)
    });
    CreateAclsResponse::default().with_results(results.collect())
}

fn matching(acl: Acl) -> DeleteAclsMatchingAcl {
    DeleteAclsMatchingAcl::default()
        .with_resource_type(acl.resource_type.code())
        .with_resource_name(acl.resource_name.into())
        .with_pattern_type(acl.pattern_type.code())
        .with_principal(acl.principal.into())
        .with_host(acl.host.into())
        .with_operation(acl.operation.code())
        .with_permission_type(acl.permission.code())
}

pub(crate) async fn delete_acls(
    context: &mut Context,
    request: DeleteAclsRequest,
) -> DeleteAclsResponse {
    let read: Vec<Result<AclFilter, TopicError>> =
        match context.check_cluster_or_say(AclOperation::Alter) {
            Ok(()) => request.filters.iter().map(deleted_filter).collect(),
            Err(error) => request.filters.iter().map(|_| Err(error.clone())).collect(),
        };
    let sound: Vec<AclFilter> = read
        .iter()
        .filter_map(|filter| filter.clone().ok())
        .collect();
    let count = sound.len();
    let deleted: Vec<Result<Vec<Acl>, TopicError>> = match context
        .cluster
        .security()
        .delete_acls(context.cluster.turns(), sound)
        .await
    {
        Ok(deleted) => deleted.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error); count],
    };
    let mut deleted = deleted.into_iter();
    let results = read.into_iter().map(|filter| {
        let answer = DeleteAclsFilterResult::default();
        match filter.and_then(|_| deleted.next().unwrap_or_else(|| Ok(Vec::new()))) {
            Ok(acls) => answer.with_matching_acls(acls.into_iter().map(matching).collect()),
            Err(error) => answer
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into())),
        }
    });
    DeleteAclsResponse::default().with_filter_results(results.collect())
}
