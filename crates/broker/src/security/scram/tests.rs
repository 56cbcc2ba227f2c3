//! SCRAM against the RFC's own exchange and against another implementation's numbers.

use super::*;
use crate::metadata::credential::SALT_BYTES;

const PASSWORD: &[u8] = b"pencil";

fn bytes(base64: &str) -> Vec<u8> {
    BASE64.decode(base64).unwrap()
}

/// The exchange of RFC 7677, section 3.
const CLIENT_FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &[u8] = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn credential(mechanism: ScramMechanism) -> ScramCredential {
    let salt = bytes("W22ZaJ0SNY7soEsUEjb6gQ==");
    ScramCredential::from_password(mechanism, PASSWORD, salt, 4_096)
}

fn begin(message: &[u8]) -> Result<(Challenge, String), SaslError> {
    let find = |user: &str| {
        assert_eq!(user, "user");
        credential(ScramMechanism::Sha256)
    };
    Challenge::begin(ScramMechanism::Sha256, message, SERVER_NONCE, find)
}

#[test]
fn the_exchange_of_rfc_7677_is_reproduced() {
    let (challenge, answer) = begin(CLIENT_FIRST).unwrap();
    assert_eq!(answer, SERVER_FIRST);
    let (user, answer) = challenge.finish(CLIENT_FINAL).unwrap();
    assert_eq!((user.as_str(), answer.as_str()), ("user", SERVER_FINAL));
}

#[test]
fn keys_are_those_that_other_implementations_derive() {
    // Computed with Python's hashlib and hmac.
    let sha256 = credential(ScramMechanism::Sha256);
    assert_eq!(
        sha256.stored_key.0,
        bytes("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=")
    );
    assert_eq!(
        sha256.server_key.0,
        bytes("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")
    );
    let sha512 = credential(ScramMechanism::Sha512);
    assert_eq!(
        sha512.stored_key.0,
        bytes(
            "6AAub3065EYRmyFpM2RNwqK+eGnrkYuEWbXn19LsEmBqzu8QaCXNc1FwpnX9NhH2hK/60dzj9DoO5DvVkOHbvg=="
        )
    );
    assert_eq!(
        sha512.server_key.0,
        bytes(
            "jZHbYjC1aHh0/hKbxyBuGFjDrgjgKTT1esA7awWiKcRZ0o/0b1yWEebBeSVkkCFewf91nLDfKF24mvD5nmE6rA=="
        )
    );
}

#[test]
fn a_final_message_that_differs_in_anything_is_refused() {
    let finish = |message: &[u8]| begin(CLIENT_FIRST).unwrap().0.finish(message).err();
    let text = std::str::from_utf8(CLIENT_FINAL).unwrap();
    let check = |message: String, expected: SaslError| {
        assert_eq!(finish(message.as_bytes()), Some(expected), "{message}");
    };
    check(text.replace("p=d", "p=e"), SaslError::Credentials);
    check(text.replace("c=biws", "c=eSws"), SaslError::Credentials);
    check(text.replace("k0,p=", "k1,p="), SaslError::Credentials);
    check(text.replace("k0,p=", "k0,x=y,p="), SaslError::Credentials);
    let malformed = SaslError::Malformed("the client's final message");
    check(text.replace("p=dHzb", "p="), malformed);
    check(text.replace("p=", "q="), malformed);
    check(text.replace("c=biws", "c=bi"), malformed);
    check(text.replace("c=biws,", ""), malformed);
    check(text.replace("k0,p=", "k0,,p="), malformed);
    check(String::new(), malformed);
}

#[test]
fn first_messages_are_read_as_kafka_reads_them() {
    let check = |message: &str, expected: Option<SaslError>| {
        let begun = begin(message.as_bytes());
        assert_eq!(begun.err(), expected, "{message:?}");
    };
    let malformed = Some(SaslError::Malformed("the client's first message"));
    check("n,,n=user,r=abc", None);
    check("n,a=user,n=user,r=abc", None);
    check("n,,m=x,n=user,r=abc", None);
    check("n,,n=user,r=abc,ext=value,other=v=w", None);
    check("n,,n=user,r=abc,tokenauth=false", None);
    check(
        "n,,n=user,r=abc,tokenauth=TRUE",
        Some(SaslError::Credentials),
    );
    check("n,a=admin,n=user,r=abc", Some(SaslError::AuthorizationId));
    check("y,,n=user,r=abc", malformed);
    check("p=tls-unique,,n=user,r=abc", malformed);
    check("n,b=user,n=user,r=abc", malformed);
    check("n,,n=,r=abc", malformed);
    check("n,,n=user,r=", malformed);
    check("n,,n=us=er,r=abc", malformed);
    check("n,,n=user,r=a b", malformed);
    check("n,,n=user,r=abc,ext", malformed);
    check("n,,n=user,r=abc,", malformed);
    check("n,,n=\u{fc}ser,r=abc", malformed);
    check("", malformed);
    assert!(begin(&[0xff, 0xfe]).is_err());
}

#[test]
fn names_with_commas_and_equal_signs_are_unescaped() {
    let mut seen = String::new();
    let find = |user: &str| {
        seen = user.to_owned();
        credential(ScramMechanism::Sha256)
    };
    let begun = Challenge::begin(ScramMechanism::Sha256, b"n,,n=a=2Cb=3Dc,r=x", "y", find);
    assert!(begun.is_ok());
    assert_eq!(seen, "a,b=c");
}

#[test]
fn a_password_fits_its_own_keys_only_and_nothing_fits_imaginary_ones() {
    for mechanism in ScramMechanism::ALL {
        let known = credential(mechanism);
        assert!(known.has_password(mechanism, PASSWORD));
        assert!(!known.has_password(mechanism, b"pencil "));
        let imaginary = ScramCredential::imaginary(mechanism, b"secret", "user");
        assert!(!imaginary.has_password(mechanism, PASSWORD));
        assert_eq!(imaginary.salt.0.len(), SALT_BYTES);
        assert_eq!(imaginary.stored_key.0.len(), known.stored_key.0.len());
        // Always the same for one name, and another for others.
        assert_eq!(
            imaginary,
            ScramCredential::imaginary(mechanism, b"secret", "user")
        );
        assert_ne!(
            imaginary,
            ScramCredential::imaginary(mechanism, b"secret", "usex")
        );
        assert_ne!(
            imaginary,
            ScramCredential::imaginary(mechanism, b"other", "user")
        );
    }
}

#[test]
fn keys_survive_being_written_down_and_are_never_shown() {
    let known = credential(ScramMechanism::Sha512);
    let json = serde_json::to_string(&known).unwrap();
    assert_eq!(
        serde_json::from_str::<ScramCredential>(&json).unwrap(),
        known
    );
    let shown = format!("{known:?}");
    assert!(shown.contains("[hidden]"));
    let key = BASE64.encode(&known.stored_key.0);
    assert!(!shown.contains(&key) && json.contains(&key));
}

proptest::proptest! {
    #[test]
    fn whatever_comes_as_a_token_is_answered_without_a_panic(
        first in ".{0,40}",
        last in ".{0,60}",
    ) {
        let find = |_: &str| ScramCredential::imaginary(ScramMechanism::Sha256, b"s", "u");
        let _ = Challenge::begin(ScramMechanism::Sha256, first.as_bytes(), "n", find);
        if let Ok((challenge, _)) = Challenge::begin(
            ScramMechanism::Sha256, b"n,,n=u,r=c", "n", find,
        ) {
            proptest::prop_assert!(challenge.finish(last.as_bytes()).is_err());
        }
    }
}
