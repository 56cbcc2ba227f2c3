//! Authentication of connections at SASL listeners.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::counters;
use crate::memory::UNCOUNTED_BYTES;
use crate::network::listener::{ConnectionError, Input, write};
use crate::network::stream::Stream;
use crate::protocol::{AuthenticationError, Authenticator, Context, Session, Step};
use crate::security::error::SaslError;
use crate::spec::security::SaslSpec;

/// Largest frame before authentication, which is not counted in any share: names and passwords are short. Kafka's
/// `sasl.server.max.receive.size` is 512 KiB, for tickets and tokens that are not served here.
const FRAME_BYTES_MAX: usize = UNCOUNTED_BYTES;
/// A client that has not authenticated within this time is disconnected.
const TIME_MAX: Duration = Duration::from_secs(60);
/// A refusal takes this long, whatever it was that was wrong (Kafka's
/// `connection.failed.authentication.delay.ms`). It also hides how long the check took.
const REFUSAL_DELAY: Duration = Duration::from_millis(100);

/// A session to be renewed, and the frame that asked for it.
pub(crate) struct Renewal<'a> {
    session: &'a Session,
    frame: Bytes,
}

impl<'a> Renewal<'a> {
    /// The renewal of a session that a request begins.
    pub fn of(session: &'a Session, frame: Bytes) -> Self {
        Self { session, frame }
    }
}

/// Authenticates the client and sets the user of the connection. `None`: the client disconnected.
pub(crate) async fn authenticate(
    context: &mut Context,
    stream: &mut Stream,
    input: &mut Input,
    sasl: &SaslSpec,
    renewal: Option<Renewal<'_>>,
) -> Result<Option<Session>, ConnectionError> {
    let conversation = converse(context, stream, input, sasl, renewal);
    let ended = tokio::time::timeout(TIME_MAX, conversation).await;
    ended.unwrap_or(Err(ConnectionError::Idle))
}

async fn converse(
    context: &mut Context,
    stream: &mut Stream,
    input: &mut Input,
    sasl: &SaslSpec,
    renewal: Option<Renewal<'_>>,
) -> Result<Option<Session>, ConnectionError> {
    let (previous, mut first) = renewal.map_or((None, None), |renewal| {
        (Some(renewal.session), Some(renewal.frame))
    });
    let mut authenticator = Authenticator::new(sasl, previous);
    loop {
        let frame = match first.take() {
            Some(frame) => frame,
            None => match input.read_frame(stream, FRAME_BYTES_MAX, None).await? {
                Some(frame) => frame,
                None => return Ok(None),
            },
        };
        let came = Instant::now();
        let counters = context.cluster.clone();
        let counters = counters.counters();
        let step = authenticator.receive(context, frame).await;
        match step.inspect_err(|_| counters::add(&counters.connections_malformed, 1))? {
            Step::Answer(answer) => write(stream, Some(answer)).await?,
            Step::Done(answer, session) => {
                counters::add(&counters.authentications, 1);
                context.user = session.user.clone();
                write(stream, Some(answer)).await?;
                return Ok(Some(session));
            }
            Step::Refuse(answer, error) => {
                counters::add(&counters.authentications_failed, 1);
                if let AuthenticationError::Sasl(SaslError::Limited) = error {
                    counters::add(&counters.authentications_limited, 1);
                }
                tokio::time::sleep_until(came + REFUSAL_DELAY).await;
                write(stream, answer).await?;
                return Err(error.into());
            }
        }
    }
}
