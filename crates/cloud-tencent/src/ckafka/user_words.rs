//! What CKafka lets a Kafka user be called, and what may be its password (the vendor's page "Configuring ACL Policy").

use brokerage_wire::fault::CallError;

use super::check::value;

/// Kinds of characters that a password has at least.
const PASSWORD_KINDS_MIN: usize = 2;

/// Checks a name. Clients say it behind the instance's id and `#`, which no name has therefore.
///
/// # Errors
/// The refusal of a name with other letters.
pub fn check_name(name: &str) -> Result<(), CallError> {
    let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let begins = name
        .as_bytes()
        .first()
        .is_some_and(u8::is_ascii_alphanumeric);
    if begins && name.bytes().all(permitted) {
        return Ok(());
    }
    let reason = "must be letters, digits, '_', '-' and '.', and begin with a letter or digit";
    Err(value("Name", reason))
}

/// Checks a password, the value of a parameter.
///
/// # Errors
/// The refusal of one with characters of one kind only.
pub fn check_password(parameter: &str, password: &str) -> Result<(), CallError> {
    let is_special = |letter: char| !letter.is_ascii_alphanumeric();
    let kinds: [&dyn Fn(char) -> bool; 4] = [
        &|letter| letter.is_ascii_lowercase(),
        &|letter| letter.is_ascii_uppercase(),
        &|letter| letter.is_ascii_digit(),
        &is_special,
    ];
    let has = |kind: &&&dyn Fn(char) -> bool| password.chars().any(kind);
    if kinds.iter().filter(has).count() >= PASSWORD_KINDS_MIN {
        return Ok(());
    }
    let reason = "must have at least two of lower case, upper case, digits and other characters";
    Err(value(parameter, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_are_those_of_the_page() {
        let check = |name: &str, password: &str, expected: (bool, bool)| {
            let is_fit = (
                check_name(name).is_ok(),
                check_password("Password", password).is_ok(),
            );
            assert_eq!(is_fit, expected, "{name:?} {password:?}");
        };
        check("anna", "test1234", (true, true));
        check("1.a-b_C", "Word", (true, true));
        check("-a", "word", (false, false));
        check("a b", "1234", (false, false));
        check("b#c", "a word", (false, true));
        check("", "", (false, false));
        check("ä", "ä1", (false, true));
    }
}
