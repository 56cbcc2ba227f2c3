//! SASL mechanisms as Kafka's broker runs them: tokens in, tokens out.

use std::net::IpAddr;

use crate::metadata::credential::ScramMechanism;
use crate::release::Release;
use crate::security::Security;
use crate::security::error::SaslError;
use crate::security::scram::Challenge;
use crate::spec::security::SaslMechanism;

/// What a token leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The client has to answer this.
    Challenge(Vec<u8>),
    /// It is this user; the last token is for the client.
    Done { user: String, token: Vec<u8> },
}

/// One exchange of tokens.
pub(crate) enum Exchange {
    Plain,
    ScramFirst(ScramMechanism),
    ScramFinal(Box<Challenge>),
    /// It has failed or ended.
    Over,
}

impl Exchange {
    pub(crate) fn new(mechanism: SaslMechanism) -> Self {
        match mechanism {
            SaslMechanism::Plain => Self::Plain,
            SaslMechanism::ScramSha256 => Self::ScramFirst(ScramMechanism::Sha256),
            SaslMechanism::ScramSha512 => Self::ScramFirst(ScramMechanism::Sha512),
        }
    }

    /// Takes the client's next token, as a release does. Passwords are checked only as often as the user's may be tried from the address.
    pub(crate) async fn evaluate(
        &mut self,
        security: &Security,
        release: &Release,
        address: IpAddr,
        token: &[u8],
    ) -> Result<Progress, SaslError> {
        match std::mem::replace(self, Self::Over) {
            Self::Plain => {
                let message = PlainMessage::parse(token)?;
                let user = security.user_named(&message.user);
                security.attempts.wait(address, user).await?;
                let is_right = security.check_password(user, message.password).await;
                if !is_right {
                    return Err(SaslError::Password);
                }
                security.attempts.succeed(address, user);
                if ![String::new(), message.user.clone()].contains(&message.authorization_id) {
                    return Err(SaslError::AuthorizationId);
                }
                Ok(Progress::Done {
                    user: user.to_owned(),
                    token: Vec::new(),
                })
            }
            Self::ScramFirst(mechanism) => {
                let nonce = security.process.nonce();
                let find = |login: &str| security.credential(mechanism, security.user_named(login));
                let (challenge, answer) = Challenge::begin(mechanism, token, &nonce, find)?;
                *self = Self::ScramFinal(Box::new(challenge));
                Ok(Progress::Challenge(answer.into_bytes()))
            }
            Self::ScramFinal(challenge) => {
                let login = challenge.user();
                security
                    .attempts
                    .wait(address, security.user_named(login))
                    .await?;
                let (login, answer) = challenge.finish(release, token)?;
                let user = security.user_named(&login).to_owned();
                security.attempts.succeed(address, &user);
                Ok(Progress::Done {
                    user,
                    token: answer.into_bytes(),
                })
            }
            Self::Over => Err(SaslError::Malformed("a token after the last one")),
        }
    }
}

/// The one message of PLAIN (RFC 4616).
struct PlainMessage {
    authorization_id: String,
    user: String,
    password: secrecy::SecretString,
}

impl PlainMessage {
    fn parse(token: &[u8]) -> Result<Self, SaslError> {
        let text = String::from_utf8_lossy(token);
        // As `PlainSaslServer`: exactly three parts.
        if text.split('\0').count() != 3 {
            return Err(SaslError::Malformed("a response that has not three parts"));
        }
        let mut parts = text.split('\0').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        let (authorization_id, user, password) = (next(), next(), next());
        if user.is_empty() {
            return Err(SaslError::Malformed("a response without a user"));
        }
        if password.is_empty() {
            return Err(SaslError::Malformed("a response without a password"));
        }
        Ok(Self {
            authorization_id,
            user,
            password: password.into(),
        })
    }
}
