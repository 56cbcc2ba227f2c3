//! Delegation tokens (KIP-48) are off, as on brokers of Apache Kafka without `delegation.token.secret.key`: every
//! request is refused as they refuse it, so that clients and user interfaces take the broker for what it is.

use kafka_protocol::messages::{
    CreateDelegationTokenRequest, CreateDelegationTokenResponse, DescribeDelegationTokenRequest,
    DescribeDelegationTokenResponse, ExpireDelegationTokenRequest, ExpireDelegationTokenResponse,
    RenewDelegationTokenRequest, RenewDelegationTokenResponse,
};

use super::Context;
use crate::error::ErrorCode;

/// What principals of users are called.
const USER: &str = "User";
/// In answers without a token.
const NO_TIME_MS: i64 = -1;

/// Where nobody has a name there is nobody to make tokens for.
fn refusal(context: &Context) -> i16 {
    let spec = context.cluster.spec();
    let mut listeners = spec.brokers.iter().flat_map(|broker| &broker.listeners);
    let found = listeners.find(|found| *found.name == *context.listener);
    let has_names = context.is_internal || found.is_some_and(|found| found.security.has_sasl());
    match has_names {
        true => ErrorCode::DelegationTokenAuthDisabled.code(),
        false => ErrorCode::DelegationTokenRequestNotAllowed.code(),
    }
}

pub(crate) async fn create_delegation_token(
    context: &mut Context,
    request: CreateDelegationTokenRequest,
) -> CreateDelegationTokenResponse {
    let user = context.user.to_string();
    let owner = match request.owner_principal_name {
        Some(name) if !name.is_empty() => name.to_string(),
        _ => user.clone(),
    };
    let answer = CreateDelegationTokenResponse::default();
    // Tokens for others came with the version that tells who asked (KIP-373).
    let answer = match context.version >= 3 {
        true => answer
            .with_token_requester_principal_type(USER.into())
            .with_token_requester_principal_name(user.into()),
        false => answer,
    };
    answer
        .with_error_code(refusal(context))
        .with_principal_type(USER.into())
        .with_principal_name(owner.into())
        .with_issue_timestamp_ms(NO_TIME_MS)
        .with_expiry_timestamp_ms(NO_TIME_MS)
        .with_max_timestamp_ms(NO_TIME_MS)
}

pub(crate) async fn renew_delegation_token(
    context: &mut Context,
    _request: RenewDelegationTokenRequest,
) -> RenewDelegationTokenResponse {
    RenewDelegationTokenResponse::default()
        .with_error_code(refusal(context))
        .with_expiry_timestamp_ms(NO_TIME_MS)
}

pub(crate) async fn expire_delegation_token(
    context: &mut Context,
    _request: ExpireDelegationTokenRequest,
) -> ExpireDelegationTokenResponse {
    ExpireDelegationTokenResponse::default()
        .with_error_code(refusal(context))
        .with_expiry_timestamp_ms(NO_TIME_MS)
}

pub(crate) async fn describe_delegation_token(
    context: &mut Context,
    _request: DescribeDelegationTokenRequest,
) -> DescribeDelegationTokenResponse {
    DescribeDelegationTokenResponse::default().with_error_code(refusal(context))
}
