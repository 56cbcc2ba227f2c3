//! SCRAM against the RFC's own exchange and against another implementation's numbers.

use super::*;
use crate::metadata::credential::SALT_BYTES;
use crate::release::Release;

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

fn newest() -> &'static Release {
    Release::all().last().unwrap()
}

#[test]
fn the_exchange_of_rfc_7677_is_reproduced() {
    let (challenge, answer) = begin(CLIENT_FIRST).unwrap();
    assert_eq!(answer, SERVER_FIRST);
    let (user, answer) = challenge.finish(newest(), CLIENT_FINAL).unwrap();
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
    let finish = |message: &[u8]| {
        let (challenge, _) = begin(CLIENT_FIRST).unwrap();
        challenge.finish(newest(), message).err()
    };
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

/// A client's whole exchange, with what it writes of channel binding and as nonce in its last message.
fn converse(version: &str, binding: &str, nonce: impl Fn(&str) -> String) -> Option<SaslError> {
    let (challenge, answer) = begin(CLIENT_FIRST).unwrap();
    let sent = answer[2..].split(',').next().unwrap();
    let bare = format!("c={binding},r={}", nonce(sent));
    let first = std::str::from_utf8(CLIENT_FIRST).unwrap();
    let all = format!("{},{answer},{bare}", &first[3..]);
    let mechanism = ScramMechanism::Sha256;
    let salt = bytes("W22ZaJ0SNY7soEsUEjb6gQ==");
    let rounds = std::num::NonZeroU32::new(4_096).unwrap();
    let mut salted = [0; ring::digest::SHA256_OUTPUT_LEN];
    let derivation = ring::pbkdf2::PBKDF2_HMAC_SHA256;
    ring::pbkdf2::derive(derivation, rounds, &salt, PASSWORD, &mut salted);
    let client_key = mechanism.hmac(&salted, &[b"Client Key"]);
    let stored_key = mechanism.hash(client_key.as_ref());
    let signature = mechanism.hmac(stored_key.as_ref(), &[all.as_bytes()]);
    let pairs = client_key.as_ref().iter().zip(signature.as_ref());
    let proof: Vec<u8> = pairs.map(|(key, signature)| key ^ signature).collect();
    let message = format!("{bare},p={}", BASE64.encode(proof));
    let release = Release::find(version).unwrap();
    challenge.finish(release, message.as_bytes()).err()
}

#[test]
fn a_nonce_is_compared_as_the_release_compares_it() {
    let refused = Some(SaslError::Credentials);
    for (version, of_old_librdkafka) in [
        ("1.0.2", None),
        ("2.4.1", None),
        ("2.8.1", None),
        ("3.2.3", None),
        ("4.0.0", refused),
        ("4.1.0", refused),
    ] {
        let check = |nonce: &dyn Fn(&str) -> String, expected: Option<SaslError>| {
            assert_eq!(converse(version, "biws", nonce), expected, "{version}");
        };
        check(&str::to_owned, None);
        check(
            &|sent| format!("rOprNGfwEbeRWgbNEkqO{sent}"),
            of_old_librdkafka,
        );
        // The server's part alone, none of it, and more after it: no release takes these, though all are signed.
        check(&|_| SERVER_NONCE.to_owned(), refused);
        check(&|_| "rOprNGfwEbeRWgbNEkqO".to_owned(), refused);
        check(&|sent| format!("{sent}x"), refused);
    }
}

#[test]
fn channel_binding_is_signed_and_not_compared() {
    for version in ["2.4.1", "4.1.0"] {
        // `n,,`, `y,,` and `n,a=user,`, as clients write it that begin with an authorization id.
        for binding in ["biws", "eSws", "bixhPXVzZXIs"] {
            let told = converse(version, binding, str::to_owned);
            assert_eq!(told, None, "{version} {binding}");
        }
        let told = converse(version, "b", str::to_owned);
        let malformed = SaslError::Malformed("the client's final message");
        assert_eq!(told, Some(malformed), "{version}");
    }
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
            proptest::prop_assert!(challenge.finish(newest(), last.as_bytes()).is_err());
        }
    }
}
