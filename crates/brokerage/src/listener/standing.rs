//! How a connection stands: what it waits for, what it holds, and who has proved to be at its other end.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use brokerage_domain::id::AccountId;
use brokerage_engine_embedded::{Place, Places};
use brokerage_wire::gateway::Entrance;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::bytes::{ByteBudget, Holder, Reservation};

/// Bytes of one request, head and body, that are not counted: every connection may hold so many, which bounds them
/// together. Nearly all requests are smaller.
pub const UNCOUNTED_BYTES: usize = 8 * 1024;
/// Longest rest of a connection on which nobody has proved who he is.
const STRANGER_REST_MAX: Duration = Duration::from_secs(10);
/// How long a peer may do nothing that is its turn.
const PEER_REST_MAX: Duration = Duration::from_secs(10);

/// How long peers are waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// With a connection at rest on which nobody has proved who he is.
    pub stranger_rest_max: Duration,
    /// With a peer that has begun to send a request, or has not taken its answer.
    pub peer_rest_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            stranger_rest_max: STRANGER_REST_MAX,
            peer_rest_max: PEER_REST_MAX,
        }
    }
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// For the first byte of a request.
    Rest,
    /// For the rest of its head or body.
    Request,
    /// For us.
    Answer,
}

struct State {
    phase: Phase,
    since: Instant,
    /// Bytes of the request under way, and of what came behind it.
    received: usize,
    /// Bytes of the last read. What of them belongs to the next request is not known, so all of them are kept counted.
    last_read: usize,
    held: Reservation,
    account: Option<AccountId>,
}

/// One connection.
pub struct Standing {
    place: Place,
    budget: Arc<ByteBudget>,
    patience: Patience,
    address: IpAddr,
    is_exposed: bool,
    state: Mutex<State>,
}

/// What the connections of a door share.
#[derive(Clone)]
pub struct Room {
    /// Their places.
    pub places: Arc<Places>,
    /// Their bytes.
    pub budget: Arc<ByteBudget>,
    /// How long peers are waited for.
    pub patience: Patience,
}

impl Room {
    /// Room for so many connections.
    pub fn new(connections_max: usize) -> Self {
        Self {
            places: Places::new(connections_max),
            budget: Arc::default(),
            patience: Patience::default(),
        }
    }
}

impl Standing {
    /// A connection that has just come from `peer`. Others may see what comes on it if it `is_exposed`.
    pub fn new(room: &Room, peer: SocketAddr, is_exposed: bool) -> Arc<Self> {
        let address = peer.ip();
        Arc::new(Self {
            place: room.places.take(address),
            budget: room.budget.clone(),
            patience: room.patience,
            address,
            is_exposed,
            state: Mutex::new(State {
                phase: Phase::Rest,
                since: Instant::now(),
                received: 0,
                last_read: 0,
                held: Reservation::none(&room.budget, Holder::Address(address)),
                account: None,
            }),
        })
    }

    /// Waits until the connection has to go: its place is somebody else's, or a stranger rests too long.
    pub async fn outstayed(&self) {
        tokio::select! {
            () = self.place.displaced() => {}
            () = self.rested() => {}
        }
    }

    async fn rested(&self) {
        loop {
            let until = {
                let state = self.state.lock();
                if state.account.is_some() {
                    break;
                }
                let since = match state.phase {
                    Phase::Rest => state.since,
                    Phase::Request | Phase::Answer => Instant::now(),
                };
                since + self.patience.stranger_rest_max
            };
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
        // What the head may take bounds the rest of those who are known.
        std::future::pending().await
    }

    /// How long the peer is waited for when it is its turn.
    pub fn peer_rest_max(&self) -> Duration {
        self.patience.peer_rest_max
    }

    /// Whether bytes of a request are awaited, so that they have to come.
    pub fn awaits_bytes(&self) -> bool {
        self.state.lock().phase == Phase::Request
    }

    /// Counts bytes that came. False where there is no room for them.
    #[must_use]
    pub fn receive(&self, bytes: usize) -> bool {
        let mut state = self.state.lock();
        if state.phase == Phase::Rest {
            state.phase = Phase::Request;
        }
        state.received += bytes;
        state.last_read = bytes;
        let counted = counted(state.received);
        state.held.resize(counted)
    }

    /// The request has come, and is worked on.
    pub fn begin_answer(&self) {
        self.state.lock().phase = Phase::Answer;
    }

    /// The head has come: its body is awaited.
    pub fn begin_body(&self) {
        self.place.set_busy(true);
        self.state.lock().phase = Phase::Request;
    }

    /// The head names a key that is known: a larger body may come.
    pub fn claim(&self) {
        let mut state = self.state.lock();
        if state.account.is_none() {
            state.held.pass_to(Holder::Claimant(self.address));
        }
    }

    /// The answer is made, and its request forgotten. Says whose bytes the answer's are.
    pub fn end_answer(&self) -> Holder {
        self.place.set_busy(false);
        let mut state = self.state.lock();
        state.phase = Phase::Rest;
        state.since = Instant::now();
        state.received = state.last_read;
        let counted = counted(state.received);
        // It is never more than before.
        let _ = state.held.resize(counted);
        let holder = match &state.account {
            Some(account) => Holder::Account(account.clone()),
            None => Holder::Address(self.address),
        };
        state.held.pass_to(holder.clone());
        holder
    }

    /// Counts the bytes of an answer for as long as they are there.
    pub fn answer_held(&self, holder: Holder, bytes: usize) -> Reservation {
        Reservation::of_answer(&self.budget, holder, bytes)
    }
}

fn counted(bytes: usize) -> usize {
    bytes.saturating_sub(UNCOUNTED_BYTES)
}

impl Entrance for Standing {
    fn is_exposed(&self) -> bool {
        self.is_exposed
    }

    fn admit(&self, account: &AccountId) -> bool {
        let mut state = self.state.lock();
        if state.account.as_ref() != Some(account) {
            let mut hasher = DefaultHasher::new();
            account.hash(&mut hasher);
            self.place.prove(hasher.finish());
            state.account = Some(account.clone());
            state.held.pass_to(Holder::Account(account.clone()));
        }
        drop(state);
        self.budget.has_room(&Holder::Account(account.clone()))
    }
}
