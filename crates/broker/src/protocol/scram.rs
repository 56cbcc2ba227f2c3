//! DescribeUserScramCredentials and AlterUserScramCredentials (KIP-554).

use std::collections::BTreeMap;
use std::convert::Infallible;

use kafka_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use kafka_protocol::messages::alter_user_scram_credentials_response::AlterUserScramCredentialsResult;
use kafka_protocol::messages::describe_user_scram_credentials_response::{
    CredentialInfo, DescribeUserScramCredentialsResult,
};
use kafka_protocol::messages::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse,
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
};

use super::Context;
use crate::error::{ErrorCode, TopicError, Unwritten};
use crate::metadata::acl::AclOperation;
use crate::metadata::credential::{
    ITERATIONS_MAX, ITERATIONS_MIN, ScramCredential, ScramMechanism,
};
use crate::metadata::state::{ClusterState, MetadataRecord};
use crate::security::user::{NAME_BYTES_MAX, RESERVED_NAME, RESERVED_NAMES, USERS_MAX};

/// Longest salt that is kept.
const SALT_BYTES_MAX: usize = 1 << 10;

/// Which mechanisms users have a password for; never anything that is kept of it.
pub(crate) async fn describe_user_scram_credentials(
    context: &mut Context,
    request: DescribeUserScramCredentialsRequest,
) -> DescribeUserScramCredentialsResponse {
    if let Err(error) = context.check_cluster_or_say(AclOperation::Describe) {
        return DescribeUserScramCredentialsResponse::default()
            .with_error_code(error.code)
            .with_error_message(Some(error.message.into()));
    }
    let asked = request.users.unwrap_or_default();
    let results = context.cluster.metadata_log().read(|state| {
        // How often each user was asked for.
        let mut users = BTreeMap::<&str, usize>::new();
        match asked.is_empty() {
            true => users.extend(state.users.keys().map(|name| (name.as_str(), 1))),
            false => asked
                .iter()
                .for_each(|user| *users.entry(&user.name).or_default() += 1),
        }
        let describe = |(user, times)| describe(state, user, times);
        users.into_iter().map(describe).collect()
    });
    DescribeUserScramCredentialsResponse::default().with_results(results)
}

fn describe(state: &ClusterState, user: &str, times: usize) -> DescribeUserScramCredentialsResult {
    let answer = DescribeUserScramCredentialsResult::default().with_user(user.to_owned().into());
    let failed = |code: ErrorCode, message: String| {
        answer
            .clone()
            .with_error_code(code.code())
            .with_error_message(Some(message.into()))
    };
    if times > 1 {
        return failed(
            ErrorCode::DuplicateResource,
            format!(
                "Cannot describe SCRAM credentials for the same user twice in a single request: {user}"
            ),
        );
    }
    let Some(credentials) = state.users.get(user) else {
        return failed(
            ErrorCode::ResourceNotFound,
            format!("Attempt to describe a user credential that does not exist: {user}"),
        );
    };
    let infos = credentials.iter().map(|(mechanism, credential)| {
        CredentialInfo::default()
            .with_mechanism(mechanism.number())
            .with_iterations(credential.iterations as i32)
    });
    answer.with_credential_infos(infos.collect())
}

/// What becomes of one user: a record to be written, or a refusal.
type Alterations = BTreeMap<String, Result<MetadataRecord, TopicError>>;

/// Sets and deletes passwords, which arrive salted and hashed.
pub(crate) async fn alter_user_scram_credentials(
    context: &mut Context,
    request: AlterUserScramCredentialsRequest,
) -> AlterUserScramCredentialsResponse {
    let refuse_all = |error: TopicError| -> Alterations {
        let names = request.deletions.iter().map(|deletion| &deletion.name);
        let names = names.chain(request.upsertions.iter().map(|upsertion| &upsertion.name));
        names
            .map(|name| (name.to_string(), Err(error.clone())))
            .collect()
    };
    let alterations = match context.check_cluster_or_say(AclOperation::Alter) {
        Ok(()) => alter(context, &request)
            .await
            .unwrap_or_else(|error| refuse_all(error.into())),
        Err(error) => refuse_all(error),
    };
    let results = alterations.into_iter().map(|(user, altered)| {
        let answer = AlterUserScramCredentialsResult::default().with_user(user.into());
        match altered {
            Ok(_) => answer.with_error_message(None),
            Err(error) => answer
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into())),
        }
    });
    AlterUserScramCredentialsResponse::default().with_results(results.collect())
}

async fn alter(
    context: &Context,
    request: &AlterUserScramCredentialsRequest,
) -> Result<Alterations, Unwritten> {
    let metadata_log = context.cluster.metadata_log();
    let (alterations, position) = metadata_log.change(|state| {
        let alterations = decide(state, request);
        let records = alterations.values().flatten().cloned().collect();
        Ok::<_, Infallible>((records, alterations))
    })?;
    // A super user whose last password is deleted is one no more.
    context.cluster.security().note_change();
    metadata_log.flush(position).await?;
    Ok(alterations)
}

/// Deletions first, then what is set; a user named twice is refused as a whole.
fn decide(state: &ClusterState, request: &AlterUserScramCredentialsRequest) -> Alterations {
    let mut out = Alterations::new();
    let mut note = |name: &str, altered: &dyn Fn() -> Result<MetadataRecord, TopicError>| {
        let altered = match out.get(name) {
            None => altered(),
            Some(Ok(_)) => Err(TopicError::new(
                ErrorCode::DuplicateResource,
                "A user credential cannot be altered twice in the same request",
            )),
            Some(Err(_)) => return,
        };
        out.insert(name.to_owned(), altered);
    };
    for deletion in &request.deletions {
        note(&deletion.name, &|| delete(state, deletion));
    }
    for upsertion in &request.upsertions {
        note(&upsertion.name, &|| upsert(upsertion));
    }
    let mut room = USERS_MAX.saturating_sub(state.users.len());
    for (name, altered) in &mut out {
        let is_new =
            matches!(altered, Ok(MetadataRecord::Scram { .. })) && !state.users.contains_key(name);
        if is_new && room == 0 {
            let message = format!("there are {USERS_MAX} users already");
            *altered = Err(TopicError::new(ErrorCode::PolicyViolation, message));
        } else if is_new {
            room -= 1;
        }
    }
    out
}

fn check(name: &str, mechanism: i8) -> Result<ScramMechanism, TopicError> {
    let unacceptable = |message| Err(TopicError::new(ErrorCode::UnacceptableCredential, message));
    if name.is_empty() {
        return unacceptable("Username must not be empty");
    }
    if name.len() > NAME_BYTES_MAX {
        return unacceptable("Username is too long");
    }
    ScramMechanism::by_number(mechanism).ok_or_else(|| {
        TopicError::new(
            ErrorCode::UnsupportedSaslMechanism,
            "Unknown SCRAM mechanism",
        )
    })
}

fn delete(
    state: &ClusterState,
    deletion: &ScramCredentialDeletion,
) -> Result<MetadataRecord, TopicError> {
    let mechanism = check(&deletion.name, deletion.mechanism)?;
    let credentials = state.users.get(deletion.name.as_str());
    if !credentials.is_some_and(|known| known.contains_key(&mechanism)) {
        return Err(TopicError::new(
            ErrorCode::ResourceNotFound,
            "Attempt to delete a user credential that does not exist",
        ));
    }
    Ok(MetadataRecord::ScramGone {
        user: deletion.name.to_string(),
        mechanism,
    })
}

fn upsert(upsertion: &ScramCredentialUpsertion) -> Result<MetadataRecord, TopicError> {
    let mechanism = check(&upsertion.name, upsertion.mechanism)?;
    let unacceptable = |message| Err(TopicError::new(ErrorCode::UnacceptableCredential, message));
    if RESERVED_NAMES.contains(&upsertion.name.as_str()) {
        return unacceptable(RESERVED_NAME);
    }
    let iterations = match u32::try_from(upsertion.iterations) {
        Ok(iterations @ ITERATIONS_MIN..=ITERATIONS_MAX) => iterations,
        Ok(ITERATIONS_MIN..) => return unacceptable("Too many iterations"),
        _ => return unacceptable("Too few iterations"),
    };
    if upsertion.salt.len() > SALT_BYTES_MAX {
        return unacceptable("The salt is too long");
    }
    Ok(MetadataRecord::Scram {
        user: upsertion.name.to_string(),
        mechanism,
        credential: ScramCredential::from_salted_password(
            mechanism,
            &upsertion.salted_password,
            upsertion.salt.to_vec(),
            iterations,
        ),
    })
}
