//! Kafka's `super.users`, which no request of Kafka's changes: a setting of all brokers together, shown to
//! and changed by internal connections only.
//!
//! Principals are separated by semicolons, as in Kafka's `StandardAuthorizer`. Kafka knows no names with a semicolon;
//! here one is written `\;`, and a backslash `\\`.

use kafka_protocol::messages::incremental_alter_configs_request::AlterableConfig;

use super::Context;
use super::config::{OPERATION_APPEND, OPERATION_SUBTRACT};
use crate::error::{ErrorCode, HostError, TopicError};

/// The setting.
pub(super) const SUPER_USERS: &str = "super.users";
/// What principals of users begin with.
const PRINCIPAL_PREFIX: &str = "User:";

/// The principals of those who were made super users, by name.
pub(super) fn value(context: &Context) -> String {
    let escape = |user: &String| {
        let user = user.replace('\\', "\\\\").replace(';', "\\;");
        format!("{PRINCIPAL_PREFIX}{user}")
    };
    let names = context
        .cluster
        .metadata_log()
        .read(|state| state.super_users.clone());
    let principals: Vec<String> = names.iter().map(escape).collect();
    principals.join(";")
}

/// The users that a value names.
fn users(value: &str) -> Option<Vec<String>> {
    let mut principals = vec![String::new()];
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ';' => principals.push(String::new()),
            '\\' => principals.last_mut()?.push(letters.next()?),
            other => principals.last_mut()?.push(other),
        }
    }
    let user = |principal: String| Some(principal.strip_prefix(PRINCIPAL_PREFIX)?.to_owned());
    principals.into_iter().map(user).collect()
}

/// Adds (APPEND) or removes (SUBTRACT) super users; one who is not there is RESOURCE_NOT_FOUND.
pub(super) async fn alter(
    context: &Context,
    changes: &[AlterableConfig],
    is_dry_run: bool,
) -> Result<(), TopicError> {
    let invalid = |message: String| TopicError::new(ErrorCode::InvalidConfig, message);
    for change in changes {
        if change.name.as_str() != SUPER_USERS {
            return Err(invalid(format!(
                "Only {SUPER_USERS} is changed, not {}",
                change.name.as_str()
            )));
        }
        let is_super = match change.config_operation {
            OPERATION_APPEND => true,
            OPERATION_SUBTRACT => false,
            _ => {
                return Err(invalid(format!(
                    "{SUPER_USERS} is appended to or subtracted from"
                )));
            }
        };
        let users = change.value.as_ref().and_then(|value| users(value));
        let users = users.ok_or_else(|| invalid("a principal begins with User:".to_owned()))?;
        for user in users.iter().filter(|_| !is_dry_run) {
            let changed = context.cluster.change_super_user(user, is_super).await;
            if !changed.map_err(refusal)? {
                let message = format!("there is no user {user:?}");
                return Err(TopicError::new(ErrorCode::ResourceNotFound, message));
            }
        }
    }
    Ok(())
}

fn refusal(error: HostError) -> TopicError {
    match error {
        HostError::InvalidUser { reason } => TopicError::new(ErrorCode::InvalidRequest, reason),
        error => {
            tracing::error!(%error, "super users cannot be changed");
            ErrorCode::KafkaStorageError.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::users;

    #[test]
    fn principals_are_separated_by_semicolons() {
        let check = |value: &str, expected: Option<&[&str]>| {
            let found = users(value);
            let expected = expected.map(|names| names.iter().map(|&name| name.into()).collect());
            assert_eq!(found, expected, "{value:?}");
        };
        check("User:a", Some(&["a"]));
        check("User:a;User:b,c", Some(&["a", "b,c"]));
        check(r"User:a\;b;User:c\\", Some(&["a;b", r"c\"]));
        check("User:a;", None);
        check("Group:a", None);
        check(r"User:a\", None);
    }
}
