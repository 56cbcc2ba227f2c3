//! SCRAM as a client does it, to test the broker's side with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use brokerage_broker::SaslMechanism;
use bytes::Bytes;
use ring::{digest, hmac, pbkdf2};

const NONCE: &str = "clientnonce";

/// The client's side of SCRAM.
pub struct ClientScram {
    is_sha512: bool,
    bare: String,
    password: String,
    /// As librdkafka before 2.6.1: its nonce once more before the one that the server sent.
    pub repeats_nonce: bool,
}

impl ClientScram {
    pub fn new(mechanism: SaslMechanism, user: &str, password: &str) -> Self {
        Self {
            is_sha512: mechanism == SaslMechanism::ScramSha512,
            bare: format!("n={user},r={NONCE}"),
            password: password.to_owned(),
            repeats_nonce: false,
        }
    }

    fn hmac(&self, key: &[u8], text: &[u8]) -> Vec<u8> {
        let algorithm = match self.is_sha512 {
            true => hmac::HMAC_SHA512,
            false => hmac::HMAC_SHA256,
        };
        let key = hmac::Key::new(algorithm, key);
        hmac::sign(&key, text).as_ref().to_vec()
    }

    fn hash(&self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self.is_sha512 {
            true => &digest::SHA512,
            false => &digest::SHA256,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    fn salted_password(&self, challenge: &str) -> Vec<u8> {
        let mut fields = challenge.split(',').skip(1).map(|field| &field[2..]);
        let salt = BASE64.decode(fields.next().unwrap()).unwrap();
        let iterations = fields.next().unwrap().parse().unwrap();
        let (algorithm, bytes) = match self.is_sha512 {
            true => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
            false => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        };
        let mut out = vec![0; bytes];
        pbkdf2::derive(
            algorithm,
            iterations,
            &salt,
            self.password.as_bytes(),
            &mut out,
        );
        out
    }

    /// Without the proof, and all that is signed.
    fn messages(&self, challenge: &str) -> (String, String) {
        let sent = challenge.split(',').next().unwrap();
        let nonce = sent.strip_prefix("r=").unwrap();
        let repeated = if self.repeats_nonce { NONCE } else { "" };
        let bare = format!("c=biws,r={repeated}{nonce}");
        let all = format!("{},{challenge},{bare}", self.bare);
        (bare, all)
    }

    pub fn first(&self) -> Bytes {
        format!("n,,{}", self.bare).into()
    }

    pub fn last(&self, challenge: &[u8]) -> Bytes {
        let challenge = std::str::from_utf8(challenge).unwrap();
        let (bare, all) = self.messages(challenge);
        let client_key = self.hmac(&self.salted_password(challenge), b"Client Key");
        let signature = self.hmac(&self.hash(&client_key), all.as_bytes());
        let pairs = client_key.iter().zip(&signature);
        let proof: Vec<u8> = pairs.map(|(key, signature)| key ^ signature).collect();
        format!("{bare},p={}", BASE64.encode(proof)).into()
    }

    /// Whether the server knew the password, too.
    pub fn check(&self, challenge: &[u8], answer: &[u8]) {
        let challenge = std::str::from_utf8(challenge).unwrap();
        let (_, all) = self.messages(challenge);
        let server_key = self.hmac(&self.salted_password(challenge), b"Server Key");
        let expected = format!(
            "v={}",
            BASE64.encode(self.hmac(&server_key, all.as_bytes()))
        );
        assert_eq!(answer, expected.as_bytes());
    }
}
