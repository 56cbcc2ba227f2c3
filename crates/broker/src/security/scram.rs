//! SCRAM (RFC 5802, RFC 7677): the proof that a client knows a password.
//!
//! Nothing here does I/O or uses randomness.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq;

use crate::metadata::credential::{ScramCredential, ScramMechanism};
use crate::release::Release;
use crate::security::error::SaslError;

/// The server's side between the client's first and final message.
pub(crate) struct Challenge {
    mechanism: ScramMechanism,
    user: String,
    credential: ScramCredential,
    nonce: String,
    /// `AuthMessage` without its last part.
    messages: String,
}

/// The client's first message, taken apart.
struct ClientFirst<'a> {
    authorization_id: &'a str,
    /// The message without the channel binding flag and the authorization id.
    bare: &'a str,
    user: String,
    nonce: &'a str,
    wants_token: bool,
}

fn is_value(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (0x01..=0x7f).contains(&byte))
}

fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
}

/// `name=value` of an extension.
fn extension(field: &str) -> Option<(&str, &str)> {
    field.split_once('=').filter(|(name, value)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()) && is_value(value)
    })
}

/// A name in which `,` and `=` are written as `=2C` and `=3D`.
fn sasl_name(text: &str) -> Option<String> {
    let name = text.replace("=2C", ",").replace("=3D", "=");
    let again = name.replace('=', "=3D").replace(',', "=2C");
    (is_value(text) && again == text).then_some(name)
}

impl<'a> ClientFirst<'a> {
    fn parse(message: &'a str) -> Option<Self> {
        let rest = message.strip_prefix("n,")?;
        let (authorization_id, bare) = rest.split_once(',')?;
        let authorization_id = match authorization_id.strip_prefix("a=") {
            Some(name) => sasl_name(name).map(|_| name)?,
            None if authorization_id.is_empty() => "",
            None => return None,
        };
        let mut fields = bare.split(',').peekable();
        let reserved = fields.next_if(|field| field.starts_with("m="));
        if reserved.is_some_and(|field| !is_value(&field[2..])) {
            return None;
        }
        let user = sasl_name(fields.next()?.strip_prefix("n=")?)?;
        let nonce = fields.next()?.strip_prefix("r=")?;
        let extensions: Option<Vec<_>> = fields.map(extension).collect();
        let wants_token = extensions?
            .iter()
            .any(|(name, value)| *name == "tokenauth" && value.eq_ignore_ascii_case("true"));
        is_printable(nonce).then_some(Self {
            authorization_id,
            bare,
            user,
            nonce,
            wants_token,
        })
    }
}

impl Challenge {
    /// Reads the client's first message. Returns what is remembered, and the server's first message.
    pub(crate) fn begin(
        mechanism: ScramMechanism,
        message: &[u8],
        server_nonce: &str,
        find: impl FnOnce(&str) -> ScramCredential,
    ) -> Result<(Self, String), SaslError> {
        let message = std::str::from_utf8(message).unwrap_or_default();
        let first = ClientFirst::parse(message);
        let first = first.ok_or(SaslError::Malformed("the client's first message"))?;
        if first.wants_token {
            // There are no delegation tokens here (KIP-48), so no client can have one.
            return Err(SaslError::Credentials);
        }
        if !first.authorization_id.is_empty() && first.authorization_id != first.user {
            return Err(SaslError::AuthorizationId);
        }
        let credential = find(&first.user);
        let nonce = format!("{}{server_nonce}", first.nonce);
        let salt = BASE64.encode(&credential.salt.0);
        let answer = format!("r={nonce},s={salt},i={}", credential.iterations);
        let challenge = Self {
            mechanism,
            messages: format!("{},{answer}", first.bare),
            user: first.user,
            credential,
            nonce,
        };
        Ok((challenge, answer))
    }

    /// Whose password is to be proved.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Whether this is the nonce that was sent, as a release compares it (`ScramSaslServer`). librdkafka before 2.6.1
    /// writes its own once more before it, which Kafka takes until 4.0 (`endsWith`; before 3.7.2 it compared nothing).
    fn is_nonce(&self, release: &Release, nonce: &str) -> bool {
        match release.is_at_least(4, 0) {
            true => nonce == self.nonce,
            false => nonce.ends_with(&self.nonce),
        }
    }

    /// Checks the client's final message. Returns the user, and the server's final message.
    ///
    /// What it says of channel binding has to be readable and is signed with the rest. It is not compared, as Kafka
    /// does not: no binding is offered, so that there is nothing that a client could have been talked out of.
    pub(crate) fn finish(
        self,
        release: &Release,
        message: &[u8],
    ) -> Result<(String, String), SaslError> {
        let malformed = SaslError::Malformed("the client's final message");
        let message = std::str::from_utf8(message).ok();
        let Some((bare, proof)) = message.and_then(|text| text.rsplit_once(",p=")) else {
            return Err(malformed);
        };
        let mut fields = bare.split(',');
        let binding = fields.next().and_then(|field| field.strip_prefix("c="));
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        let has_extensions = fields.all(|field| extension(field).is_some());
        let binding = binding.and_then(|binding| BASE64.decode(binding).ok());
        let (Some(_), Some(nonce), Ok(proof), true) =
            (binding, nonce, BASE64.decode(proof), has_extensions)
        else {
            return Err(malformed);
        };
        if !self.is_nonce(release, nonce) {
            return Err(SaslError::Credentials);
        }
        let auth_message: [&[u8]; 3] = [self.messages.as_bytes(), b",", bare.as_bytes()];
        let stored_key = &self.credential.stored_key.0;
        let signature = self.mechanism.hmac(stored_key, &auth_message);
        if proof.len() != signature.as_ref().len() {
            return Err(malformed);
        }
        let pairs = proof.iter().zip(signature.as_ref());
        let client_key: Vec<u8> = pairs.map(|(proof, signature)| proof ^ signature).collect();
        let computed = self.mechanism.hash(&client_key);
        if !bool::from(computed.as_ref().ct_eq(stored_key)) {
            return Err(SaslError::Credentials);
        }
        let server_key = &self.credential.server_key.0;
        let signature = self.mechanism.hmac(server_key, &auth_message);
        Ok((
            self.user,
            format!("v={}", BASE64.encode(signature.as_ref())),
        ))
    }
}

#[cfg(test)]
mod tests;
