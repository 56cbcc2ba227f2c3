//! Plays calls against a server, in memory or behind a socket.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use brokerage_wire::WireRequest;
use brokerage_wire::client::{ClientCall, ClientFault, Refusal, SeenPhase, Step};
use brokerage_wire::params::{Param, ParamError, from_json};
use brokerage_wire::signing::{Credentials, SigningMoment};
use serde_json::{Value, json};

use super::{Example, Operation};

/// Where calls are sent.
pub trait Door {
    /// Looks at an instance before it is given up; [`Door::pause`] is between them.
    const LOOKS_MAX: usize;
    /// Host and port of the endpoint.
    fn host(&self) -> &str;
    /// Who calls.
    fn credentials(&self) -> Credentials;
    /// When, with a fresh nonce.
    fn moment(&self) -> SigningMoment;
    /// Sends a signed request; the answer as JSON.
    ///
    /// # Errors
    /// Why there is no answer.
    fn send(&self, request: &WireRequest) -> impl Future<Output = Result<Value, String>>;
    /// Lets the server do something else.
    fn pause(&self) -> impl Future<Output = ()>;
}

/// Why a call did not go as its file says.
#[derive(Debug, thiserror::Error)]
pub enum PlayFault {
    /// A need names no operation that is served.
    #[error("needs {name}, which is not served")]
    Need {
        /// As it stands in the file.
        name: String,
    },
    /// Nothing was saved under a name.
    #[error("nothing was saved as {name}")]
    Saved {
        /// The name.
        name: String,
    },
    /// The parameters are not those of a request.
    #[error("the parameters make no request")]
    Params(#[from] ParamError),
    /// The request cannot be built.
    #[error("the request cannot be built")]
    Client(#[from] ClientFault),
    /// There is no answer.
    #[error("no answer: {0}")]
    Sent(String),
    /// The answer is not what was expected.
    #[error("{what} in {answer}")]
    Answer {
        /// What differs.
        what: String,
        /// The whole answer.
        answer: Value,
    },
    /// The instance does not come to its phase.
    #[error("{instance} does not become {phase}")]
    Phase {
        /// The instance.
        instance: String,
        /// The phase.
        phase: String,
    },
    /// Something is wrong with a call of a file.
    #[error("{operation} {title}")]
    Call {
        /// Whose file.
        operation: String,
        /// Which of its calls.
        title: String,
        /// What it is.
        #[source]
        source: Box<Self>,
    },
}

/// Plays calls, one after the other, and keeps what they save.
pub struct Player<'a, D> {
    door: &'a D,
    saved: BTreeMap<String, Value>,
    played: BTreeSet<String>,
}

impl<'a, D: Door> Player<'a, D> {
    /// One that has played nothing.
    pub const fn new(door: &'a D) -> Self {
        Self {
            door,
            saved: BTreeMap::new(),
            played: BTreeSet::new(),
        }
    }

    /// What was saved.
    pub const fn saved(&self) -> &BTreeMap<String, Value> {
        &self.saved
    }

    /// Plays what an operation needs.
    ///
    /// # Errors
    /// [`PlayFault`] where one of it does not succeed.
    pub async fn prepare(&mut self, operation: Operation) -> Result<(), PlayFault> {
        for name in &operation.file().needs {
            let need = operation.named(name);
            let need = need.ok_or_else(|| PlayFault::Need { name: name.clone() })?;
            let mut saves = need.sample().save.keys();
            let is_there = match need.sample().save.is_empty() {
                true => self.played.contains(&need.to_string()),
                false => saves.all(|name| self.saved.contains_key(name)),
            };
            if !is_there {
                // What it needs it needs in the same way.
                Box::pin(self.prepare(need)).await?;
                self.meet(need).await?;
            }
        }
        Ok(())
    }

    /// Plays a call and asserts that it goes as its file says. Answers what the vendor's model knows as the
    /// operation's answer; none for a refusal.
    ///
    /// # Errors
    /// [`PlayFault::Call`].
    pub async fn play(
        &mut self,
        operation: Operation,
        example: &Example,
    ) -> Result<Option<Value>, PlayFault> {
        let played = match self.accepted(operation, example).await {
            Ok(Some(body)) => match self.hold(example, &body) {
                Ok(()) => self
                    .keep(operation, example, &body)
                    .await
                    .map(|()| Some(body)),
                Err(fault) => Err(fault),
            },
            other => other,
        };
        played.map_err(|source| of_call(operation, example, source))
    }

    /// What the sample of an operation is answered now, after what it needs.
    ///
    /// # Errors
    /// [`PlayFault`] where it does not succeed.
    pub async fn look(&mut self, operation: Operation) -> Result<Value, PlayFault> {
        self.prepare(operation).await?;
        let sample = operation.sample();
        let answer = self.accepted(operation, sample).await;
        let answer = answer.map_err(|source| of_call(operation, sample, source))?;
        Ok(answer.unwrap_or_default())
    }

    /// Plays the sample of what is needed. Whether its answer is what its own file says is asserted where that is
    /// played: here others may have made more than it lists.
    async fn meet(&mut self, need: Operation) -> Result<(), PlayFault> {
        let sample = need.sample();
        let met = match self.accepted(need, sample).await {
            Ok(body) => {
                let body = body.unwrap_or_default();
                self.keep(need, sample, &body).await
            }
            Err(fault) => Err(fault),
        };
        met.map_err(|source| of_call(need, sample, source))
    }

    /// Makes a call that is accepted, or refused as its file says; what it is answered, envelope aside.
    async fn accepted(
        &mut self,
        operation: Operation,
        example: &Example,
    ) -> Result<Option<Value>, PlayFault> {
        self.played.insert(operation.to_string());
        let params = self.params(example)?;
        let answer = self.answer(operation, &params).await?;
        let differs = |what, answer| PlayFault::Answer { what, answer };
        let refusal = (operation.cloud.client.refusal)(&answer);
        match (refusal, &example.refused) {
            (Some(Refusal { code, .. }), Some(expected)) if code == *expected => Ok(None),
            (Some(Refusal { code, .. }), _) => Err(differs(code, answer)),
            (None, Some(expected)) => Err(differs(format!("no {expected}"), answer)),
            (None, None) => {
                let body = answer.pointer(operation.cloud.client.answer);
                Ok(Some(body.cloned().unwrap_or_else(|| json!({}))))
            }
        }
    }

    /// Asserts that an answer has what its file expects.
    fn hold(&self, example: &Example, body: &Value) -> Result<(), PlayFault> {
        let expected = filled(&Value::Object(example.expect.clone()), &self.saved)?;
        match difference(&expected, body, "") {
            None => Ok(()),
            Some(what) => Err(PlayFault::Answer {
                what,
                answer: body.clone(),
            }),
        }
    }

    /// Keeps what a call saves, and waits for what comes of it.
    async fn keep(
        &mut self,
        operation: Operation,
        example: &Example,
        body: &Value,
    ) -> Result<(), PlayFault> {
        for (name, path) in &example.save {
            let value = at(body, path).ok_or_else(|| PlayFault::Answer {
                what: format!("no {path}"),
                answer: body.clone(),
            })?;
            self.saved.insert(name.clone(), value.clone());
        }
        match &example.until {
            Some(phase) => self.wait(operation, phase).await,
            None => Ok(()),
        }
    }

    /// The parameters of a call, saved values in their places.
    ///
    /// # Errors
    /// [`PlayFault::Saved`], [`PlayFault::Params`].
    pub fn params(&self, example: &Example) -> Result<Param, PlayFault> {
        let tree = filled(&Value::Object(example.send.clone()), &self.saved)?;
        Ok(from_json(tree.to_string().as_bytes())?)
    }

    async fn answer(&self, operation: Operation, params: &Param) -> Result<Value, PlayFault> {
        let request = self.signed(operation, params)?;
        self.door.send(&request).await.map_err(PlayFault::Sent)
    }

    /// The signed request of a call.
    ///
    /// # Errors
    /// [`PlayFault::Client`].
    pub fn signed(&self, operation: Operation, params: &Param) -> Result<WireRequest, PlayFault> {
        let call = ClientCall {
            table: operation.table,
            row: operation.row,
            host: self.door.host(),
            region: operation.region(),
            params,
        };
        let client = &operation.cloud.client;
        Ok(client.signed(&call, &self.door.credentials(), &self.door.moment())?)
    }

    /// Waits as a buyer does: looks until the saved instance is in a phase.
    async fn wait(&self, operation: Operation, phase: &str) -> Result<(), PlayFault> {
        let instance = self.saved.get("instance").and_then(Value::as_str);
        let instance = instance.ok_or_else(|| PlayFault::Saved {
            name: "instance".to_owned(),
        })?;
        let purchase = operation.cloud.purchases[0];
        for _ in 0..D::LOOKS_MAX {
            let Step {
                operation: name,
                params,
                table,
            } = (purchase.look)(instance);
            let look = operation.named(&format!("{}/{name}", table.dialect));
            let look = look.ok_or_else(|| PlayFault::Need {
                name: name.to_owned(),
            })?;
            let seen: SeenPhase = (purchase.seen)(&self.answer(look, &params).await?).phase;
            if seen.word() == phase {
                return Ok(());
            }
            self.door.pause().await;
        }
        Err(PlayFault::Phase {
            instance: instance.to_owned(),
            phase: phase.to_owned(),
        })
    }
}

fn of_call(operation: Operation, example: &Example, source: PlayFault) -> PlayFault {
    PlayFault::Call {
        operation: operation.to_string(),
        title: example.title.clone(),
        source: Box::new(source),
    }
}

/// A value with what was saved in the places of its names.
pub(super) fn filled(value: &Value, saved: &BTreeMap<String, Value>) -> Result<Value, PlayFault> {
    Ok(match value {
        Value::Object(members) => {
            let fill = |(name, value): (&String, &Value)| Ok((name.clone(), filled(value, saved)?));
            Value::Object(members.iter().map(fill).collect::<Result<_, PlayFault>>()?)
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| filled(item, saved));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::String(text) => filled_text(text, saved)?,
        other => other.clone(),
    })
}

fn filled_text(text: &str, saved: &BTreeMap<String, Value>) -> Result<Value, PlayFault> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = first_name(rest) {
        let value = saved.get(name).ok_or_else(|| PlayFault::Saved {
            name: name.to_owned(),
        })?;
        if before.is_empty() && after.is_empty() && whole.is_empty() {
            return Ok(value.clone());
        }
        whole.push_str(before);
        match value {
            Value::String(text) => whole.push_str(text),
            other => whole.push_str(&other.to_string()),
        }
        rest = after;
    }
    whole.push_str(rest);
    Ok(Value::String(whole))
}

/// The first `{name}` of a text, with what is before and after it. Texts that hold JSON have other braces.
fn first_name(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        let inside = &text[open + 1..];
        let end = inside.find(|c: char| !c.is_ascii_lowercase() && c != '_');
        if let Some(end) = end
            && end > 0
            && inside[end..].starts_with('}')
        {
            return Some((&text[..open], &inside[..end], &inside[end + 1..]));
        }
        from = open + 1;
    }
    None
}

/// The value at a path of members and, counted from 0, items.
pub(crate) fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

/// The first place in which an answer is not what is expected: it may have more members, and nothing else.
pub(super) fn difference(expected: &Value, answer: &Value, path: &str) -> Option<String> {
    match (expected, answer) {
        (Value::Object(members), Value::Object(_)) => members
            .iter()
            .find_map(|(name, value)| difference(value, &answer[name], &format!("{path}.{name}"))),
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let pairs = items.iter().zip(others).enumerate();
            let mut each = pairs.map(|(at, (item, other))| (format!("{path}.{at}"), item, other));
            each.find_map(|(path, item, other)| difference(item, other, &path))
        }
        (expected, answer) if expected == answer => None,
        _ => Some(format!("{path} is {answer}, not {expected},")),
    }
}
