//! Kafka users of an instance: what may be called so, and what may be its password.

use crate::{Error, Result};

/// Longest name in bytes: the longest that every client has to be able to send (RFC 4616).
pub const USER_NAME_BYTES_MAX: usize = 255;

/// Checks what a user is called: what every client can send as PLAIN and SCRAM have it. Kafka itself takes more.
///
/// # Errors
/// [`Error::Invalid`].
pub fn user_name_check(name: &str) -> Result<()> {
    let is_printable = name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !name.is_empty() && name.len() <= USER_NAME_BYTES_MAX && is_printable {
        return Ok(());
    }
    let reason = format!("a name has 1 to {USER_NAME_BYTES_MAX} bytes of printable ASCII");
    Err(Error::invalid("the user", reason))
}

/// Checks a password: NUL divides the parts of a PLAIN message (RFC 4616).
///
/// # Errors
/// [`Error::Invalid`].
pub fn user_password_check(password: &str) -> Result<()> {
    if !password.is_empty() && !password.contains('\0') {
        return Ok(());
    }
    let reason = "a password is not empty and has no NUL";
    Err(Error::invalid("the user", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_are_what_every_client_can_send() {
        let check = |name: &str, password: &str, expected: (bool, bool)| {
            let is_fit = (
                user_name_check(name).is_ok(),
                user_password_check(password).is_ok(),
            );
            assert_eq!(is_fit, expected, "{name:?} {password:?}");
        };
        check("anna", "a password", (true, true));
        check(&"a".repeat(255), " ", (true, true));
        check(&"a".repeat(256), "", (false, false));
        check("", "a\0b", (false, false));
        check("a\nb", "pässwort", (false, true));
        check("ä", "x", (false, true));
    }
}
