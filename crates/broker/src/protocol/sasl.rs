//! SaslHandshake and SaslAuthenticate (KIP-43, KIP-152, KIP-368): how a connection gets its user.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
    SaslHandshakeResponse,
};
use tokio::time::Instant;

use super::{Context, ProtocolError, Reply, api};
use crate::error::ErrorCode;
use crate::security::error::SaslError;
use crate::security::sasl::{Exchange, Progress};
use crate::spec::security::{SaslMechanism, SaslSpec};

/// Time between two renewals of a session (KIP-368).
const RENEWAL_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Why an authentication ends without a user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthenticationError {
    #[error("mechanism {0:?} is not enabled")]
    Mechanism(String),
    #[error("request key {key} came instead of a token")]
    NoToken { key: i16 },
    #[error("the mechanism of a session cannot be changed")]
    ChangedMechanism,
    #[error("the user of a session cannot be changed from {from:?} to {to:?}")]
    ChangedUser { from: Arc<str>, to: String },
    #[error(transparent)]
    Sasl(#[from] SaslError),
}

/// Who authenticated, and until when that holds.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub user: Arc<str>,
    mechanism: SaslMechanism,
    expires: Option<Instant>,
    renewed: Option<Instant>,
}

impl Session {
    /// Whether a SaslHandshake that comes now renews the session. Otherwise it is unexpected.
    pub(crate) fn may_renew(&self, now: Instant) -> bool {
        let is_soon = |renewed| now.saturating_duration_since(renewed) < RENEWAL_INTERVAL_MIN;
        self.expires.is_some() && !self.renewed.is_some_and(is_soon)
    }

    /// Whether it should have been renewed before.
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| now > expires)
    }
}

/// What becomes of a frame.
#[derive(Debug)]
pub(crate) enum Step {
    /// Sent to the client; more is expected from it.
    Answer(Bytes),
    /// Sent to the client; it is in.
    Done(Bytes, Session),
    /// Sent to the client, if anything; authentication failed.
    Refuse(Option<Bytes>, AuthenticationError),
}

enum State {
    /// ApiVersions or SaslHandshake may come.
    Start,
    /// ApiVersions was answered: SaslHandshake has to follow.
    Versions,
    /// Tokens come, in requests or without.
    Tokens {
        mechanism: SaslMechanism,
        exchange: Exchange,
        has_headers: bool,
    },
    /// A session was to be renewed by another mechanism; refused when the token comes, as Kafka does.
    ChangedMechanism,
}

/// The way from a new connection, or a session to be renewed, to a user.
pub(crate) struct Authenticator<'a> {
    sasl: &'a SaslSpec,
    previous: Option<&'a Session>,
    started: Instant,
    state: State,
}

/// Whether a frame holds a SaslHandshake.
pub(crate) fn is_handshake(frame: &[u8]) -> bool {
    key_of(frame) == Some(ApiKey::SaslHandshake as i16)
}

fn key_of(frame: &[u8]) -> Option<i16> {
    frame.first_chunk().map(|key| i16::from_be_bytes(*key))
}

/// A token without a request around it.
fn raw(token: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(4 + token.len());
    out.put_u32(token.len() as u32);
    out.put_slice(token);
    out.freeze()
}

/// The code of an answer to ApiVersions, whose header is the same in all versions (KIP-511).
fn versions_code(answer: &[u8]) -> Option<i16> {
    let code = answer.get(8..10)?.first_chunk()?;
    Some(i16::from_be_bytes(*code))
}

impl<'a> Authenticator<'a> {
    pub(crate) fn new(sasl: &'a SaslSpec, previous: Option<&'a Session>) -> Self {
        Self {
            sasl,
            previous,
            started: Instant::now(),
            state: State::Start,
        }
    }

    /// Takes the client's next frame. An error closes the connection at once, without an answer.
    pub(crate) async fn receive(
        &mut self,
        context: &mut Context,
        frame: Bytes,
    ) -> Result<Step, ProtocolError> {
        let key = key_of(&frame).ok_or(ProtocolError::Header);
        match &mut self.state {
            State::Start | State::Versions => match key? {
                key if key == ApiKey::SaslHandshake as i16 => self.handshake(context, frame),
                key if key == ApiKey::ApiVersions as i16 => self.versions(context, frame).await,
                key => Err(ProtocolError::Unauthenticated { key }),
            },
            State::Tokens {
                has_headers: true, ..
            } => self.token_request(context, frame).await,
            State::Tokens { .. } => {
                let progress = self.evaluate(context, &frame).await;
                Ok(match self.progress(progress) {
                    Ok((token, None)) => Step::Answer(raw(&token)),
                    Ok((token, Some(session))) => Step::Done(raw(&token), session),
                    Err(error) => Step::Refuse(None, error),
                })
            }
            State::ChangedMechanism => {
                Ok(Step::Refuse(None, AuthenticationError::ChangedMechanism))
            }
        }
    }

    async fn versions(
        &mut self,
        context: &mut Context,
        frame: Bytes,
    ) -> Result<Step, ProtocolError> {
        let key = ApiKey::ApiVersions as i16;
        let Reply::Now(Some(answer)) = api::handle(context, frame).await? else {
            return Err(ProtocolError::Unauthenticated { key });
        };
        if !matches!(self.state, State::Start) {
            return Err(ProtocolError::Unauthenticated { key });
        }
        // A client whose version was too new asks again.
        if versions_code(&answer) == Some(0) {
            self.state = State::Versions;
        }
        Ok(Step::Answer(answer))
    }

    fn handshake(&mut self, context: &mut Context, frame: Bytes) -> Result<Step, ProtocolError> {
        let (request, head) = api::read::<SaslHandshakeRequest>(context, frame)?;
        let enabled = self.sasl.mechanisms.iter();
        let names = enabled.clone().map(|mechanism| mechanism.name().into());
        let answer = SaslHandshakeResponse::default().with_mechanisms(names.collect());
        let mechanism = enabled
            .copied()
            .find(|mechanism| mechanism.name() == request.mechanism.as_str());
        let Some(mechanism) = mechanism else {
            let answer = answer.with_error_code(ErrorCode::UnsupportedSaslMechanism.code());
            let error = AuthenticationError::Mechanism(request.mechanism.to_string());
            return Ok(Step::Refuse(Some(head.encode(&answer)?), error));
        };
        let is_changed = |previous: &Session| previous.mechanism != mechanism;
        self.state = match self.previous.is_some_and(is_changed) {
            true => State::ChangedMechanism,
            false => State::Tokens {
                mechanism,
                exchange: Exchange::new(mechanism),
                has_headers: head.version >= 1,
            },
        };
        Ok(Step::Answer(head.encode(&answer)?))
    }

    async fn token_request(
        &mut self,
        context: &mut Context,
        frame: Bytes,
    ) -> Result<Step, ProtocolError> {
        let key = key_of(&frame).ok_or(ProtocolError::Header)?;
        if key != ApiKey::SaslAuthenticate as i16 {
            return refuse_request(context, frame, key);
        }
        let (request, head) = api::read::<SaslAuthenticateRequest>(context, frame)?;
        let progress = self.evaluate(context, &request.auth_bytes).await;
        let answer = SaslAuthenticateResponse::default();
        match self.progress(progress) {
            Ok((token, session)) => {
                let lifetime_ms = match session {
                    Some(_) => self.sasl.session_lifetime_ms_max,
                    None => 0,
                };
                let answer = answer
                    .with_auth_bytes(token.into())
                    .with_session_lifetime_ms(i64::try_from(lifetime_ms).unwrap_or(i64::MAX));
                let answer = head.encode(&answer)?;
                Ok(match session {
                    Some(session) => Step::Done(answer, session),
                    None => Step::Answer(answer),
                })
            }
            Err(error @ AuthenticationError::Sasl(SaslError::Limited)) => {
                Ok(Step::Refuse(None, error))
            }
            Err(error) => {
                let answer = answer
                    .with_error_code(ErrorCode::SaslAuthenticationFailed.code())
                    .with_error_message(Some(self.public(&error).into()));
                Ok(Step::Refuse(Some(head.encode(&answer)?), error))
            }
        }
    }

    async fn evaluate(&mut self, context: &Context, token: &[u8]) -> Result<Progress, SaslError> {
        let release = context.cluster.spec().release();
        match &mut self.state {
            State::Tokens { exchange, .. } => {
                exchange
                    .evaluate(
                        context.cluster.security(),
                        release,
                        context.peer.ip(),
                        token,
                    )
                    .await
            }
            _ => Err(SaslError::Malformed("a token before its mechanism")),
        }
    }

    /// The next token for the client, and the session if there is one now.
    fn progress(
        &self,
        progress: Result<Progress, SaslError>,
    ) -> Result<(Vec<u8>, Option<Session>), AuthenticationError> {
        let (user, token) = match progress? {
            Progress::Challenge(token) => return Ok((token, None)),
            Progress::Done { user, token } => (user, token),
        };
        let State::Tokens { mechanism, .. } = &self.state else {
            return Err(SaslError::Malformed("a token before its mechanism").into());
        };
        if let Some(previous) = self.previous.filter(|previous| *previous.user != *user) {
            return Err(AuthenticationError::ChangedUser {
                from: previous.user.clone(),
                to: user,
            });
        }
        let lifetime_ms = self.sasl.session_lifetime_ms_max;
        let lifetime = (lifetime_ms > 0).then(|| Duration::from_millis(lifetime_ms));
        let session = Session {
            user: user.into(),
            mechanism: *mechanism,
            expires: lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime)),
            renewed: self.previous.map(|_| self.started),
        };
        Ok((token, Some(session)))
    }

    /// The error message for the client.
    fn public(&self, error: &AuthenticationError) -> String {
        let text = match error {
            AuthenticationError::Sasl(error) => error.public().map(str::to_owned),
            AuthenticationError::ChangedUser { from, to } => Some(format!(
                "Cannot change principals during re-authentication from User.{from}: User.{to}"
            )),
            AuthenticationError::Mechanism(_)
            | AuthenticationError::NoToken { .. }
            | AuthenticationError::ChangedMechanism => None,
        };
        let during = match self.previous {
            Some(_) => "re-authentication",
            None => "authentication",
        };
        let mechanism = match &self.state {
            State::Tokens { mechanism, .. } => mechanism.name(),
            _ => "",
        };
        text.unwrap_or_else(|| {
            format!(
                "Authentication failed during {during} due to invalid credentials with SASL mechanism {mechanism}"
            )
        })
    }
}

/// A request in place of a token. A second SaslHandshake is answered with an error, others are not answered.
fn refuse_request(context: &mut Context, frame: Bytes, key: i16) -> Result<Step, ProtocolError> {
    let error = AuthenticationError::NoToken { key };
    if key != ApiKey::SaslHandshake as i16 {
        return Ok(Step::Refuse(None, error));
    }
    let (_, head) = api::read::<SaslHandshakeRequest>(context, frame)?;
    let answer =
        SaslHandshakeResponse::default().with_error_code(ErrorCode::IllegalSaslState.code());
    Ok(Step::Refuse(Some(head.encode(&answer)?), error))
}

/// SaslHandshake on a connection that is authenticated already, or at a listener without authentication.
pub(crate) async fn sasl_handshake(
    _context: &mut Context,
    _request: SaslHandshakeRequest,
) -> SaslHandshakeResponse {
    SaslHandshakeResponse::default().with_error_code(ErrorCode::IllegalSaslState.code())
}

/// SaslAuthenticate in the same situation.
pub(crate) async fn sasl_authenticate(
    _context: &mut Context,
    _request: SaslAuthenticateRequest,
) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse::default()
        .with_error_code(ErrorCode::IllegalSaslState.code())
        .with_error_message(Some(
            "SaslAuthenticate request received after successful authentication".into(),
        ))
}
