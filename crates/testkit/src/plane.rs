//! The test control plane.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use brokerage_control::access_key::NewKey;
use brokerage_control::catalog::catalogs_keep;
use brokerage_control::context::Rights;
use brokerage_control::request_log::MESSAGE_BYTES_MAX;
use brokerage_control::sandbox::{SANDBOX_ACCOUNT, SANDBOX_KEY_ID, SANDBOX_SECRET};
use brokerage_control::seal::MasterKey;
use brokerage_control::topic::topics_of;
use brokerage_control::{Call, Context, Control, Parts, Principal, Settings};
use brokerage_domain::Error;
use brokerage_domain::access::Policy;
use brokerage_domain::catalog::Catalogs;
use brokerage_domain::clock::{Clocks, FrozenClock, Moment};
use brokerage_domain::id::{AccessKeyId, Chance, InstanceId};
use brokerage_domain::instance::Phase;
use brokerage_domain::topic::Topic;
use brokerage_engine::Engine;
use brokerage_engine::fake::FakeEngine;
use brokerage_engine_embedded::{Durability, EmbeddedEngine, EmbeddedOptions, LogIntervals};
use brokerage_kafka_admin::{Client, ConfigResource};
use brokerage_store::Store;
use brokerage_wire::WireRequest;
use brokerage_wire::gateway::{Entrance, Gateway, Inside};
use brokerage_wire::signing::{Credentials, Scheme, SigningMoment, SigningScope, sign};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::SecretString;
use serde_json::Value;

use crate::CLOUDS;
use crate::calls::Door;

/// When test time begins: 2026-11-23T04:00:00Z.
const BEGINNING: Moment = Moment::from_seconds(1_795_406_400);
/// Id of the key that a plane without sandbox mode signs with: the sandbox's is unknown there.
const KEY_ID: &str = "PLANEKEY";
/// The host that test requests name.
pub const HOST: &str = "127.0.0.1:8080";
/// Nonces that a plane may sign with before those of the next seed begin.
const NONCES_OF_A_SEED: u64 = 1_000_000;
/// Looks at the store before a test gives up on an instance; each look lets the reconciler run.
const LOOKS_MAX: usize = 500_000;
/// Looks before time is moved on.
const LOOKS_BETWEEN_ATTEMPTS: usize = 300;
/// How often time is moved on before a test gives up.
const ATTEMPTS_MAX: usize = 100;

/// How a plane differs from the usual one.
#[derive(Debug, Clone)]
pub struct PlaneOptions {
    /// What the operator decided.
    pub settings: Settings,
    /// Seed of the plane's randomness.
    pub seed: u64,
    /// When its clocks stand.
    pub beginning: Moment,
    /// A store to share with another plane; one of its own otherwise.
    pub store: Option<Store>,
    /// Who it is among planes on one store.
    pub node: String,
    /// What is sold.
    pub catalogs: Catalogs,
}

impl Default for PlaneOptions {
    fn default() -> Self {
        let settings = Settings {
            sandbox: true,
            rate_limits: false,
            ..Settings::default()
        };
        Self {
            settings,
            seed: 1,
            beginning: BEGINNING,
            store: None,
            node: "test".to_owned(),
            catalogs: Catalogs::embedded(),
        }
    }
}

/// A control plane with everything around it.
pub struct Plane {
    /// The control plane.
    pub control: Arc<Control>,
    /// Its way in.
    pub gateway: Gateway,
    /// Its engine: script faults here.
    pub engine: Arc<FakeEngine>,
    /// Business and real time, standing still.
    pub clock: Arc<FrozenClock>,
    /// The key of the sandbox account that requests are signed with.
    key_id: &'static str,
    nonces: AtomicU64,
}

/// An answer as it left the gateway.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub body: String,
    /// Body as JSON; null when it is none.
    pub json: Value,
}

impl Plane {
    /// The usual plane: sandbox account and key, no rate limits.
    pub async fn sandbox() -> Self {
        Self::start(PlaneOptions::default()).await
    }

    /// A plane with options. The sandbox account is there in any case, with a key that works.
    pub async fn start(options: PlaneOptions) -> Self {
        let PlaneOptions {
            settings,
            seed,
            beginning,
            store,
            node,
            catalogs,
        } = options;
        let clock = Arc::new(FrozenClock::at(beginning));
        let store = store
            .unwrap_or_else(|| Store::open_sqlite_in_memory().expect("an in-memory store opens"));
        let catalogs = catalogs_keep(&store, catalogs, beginning)
            .await
            .expect("the catalogs are kept");
        let engine = Arc::new(engine(clock.clone()));
        let chance = Chance::seeded(seed);
        // Planes on one store open each other's secrets, whatever else is drawn differently.
        let master_key = match seed {
            1 => MasterKey::draw(&chance),
            _ => MasterKey::draw(&Chance::seeded(1)),
        };
        let is_sandbox = settings.sandbox;
        let control = Control::new(Parts {
            settings,
            store,
            catalogs,
            clocks: Clocks {
                business: clock.clone(),
                real: clock.clone(),
            },
            master_key,
            listings: CLOUDS.listings(),
            vocabulary: CLOUDS.vocabulary(),
            chance,
            engine: engine.clone(),
            node,
        });
        control.books_open().await.expect("the books are whole");
        control
            .sandbox_prepare()
            .await
            .expect("the sandbox account is made");
        let key_id = match is_sandbox {
            true => SANDBOX_KEY_ID,
            false => key_of_the_plane(&control).await,
        };
        control
            .background_start()
            .await
            .expect("the background starts");
        let gateway = Gateway::new(control.clone(), CLOUDS);
        Self {
            control,
            gateway,
            engine,
            clock,
            key_id,
            nonces: AtomicU64::new(seed.saturating_mul(NONCES_OF_A_SEED)),
        }
    }

    /// The sandbox account as a caller of `profile` in `region`, for calls on the control plane itself.
    pub async fn context(&self, profile: &'static str, region: &str) -> Context {
        let account = self
            .control
            .account_view(SANDBOX_ACCOUNT)
            .await
            .expect("the sandbox account is there");
        Context {
            principal: Principal {
                account_id: account.id,
                account_number: account.number,
                key_id: Some(AccessKeyId::new(self.key_id)),
            },
            request_id: "test".into(),
            profile,
            region: region.into(),
            region_named: region.into(),
            operation: "Test",
            rights: Rights::default(),
        }
    }

    /// A call of the sandbox account that may change something, as [`Self::context`] has it.
    pub async fn change(&self, profile: &'static str, region: &str) -> Call {
        Call::new(self.context(profile, region).await, None)
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: &WireRequest) -> Answer {
        self.send_at(&Inside, request).await
    }

    /// Sends a request as it is to an entrance.
    pub async fn send_at(&self, entrance: &dyn Entrance, request: &WireRequest) -> Answer {
        let response = self.gateway.serve_at(entrance, request).await;
        self.assert_languages(request);
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.to_vec()).expect("answers are text");
        let json = serde_json::from_str(&body).unwrap_or(Value::Null);
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            json,
        }
    }

    /// The last refusal is known in every language: what a test meets, callers meet.
    fn assert_languages(&self, request: &WireRequest) {
        let record = self.control.requests().last(1).pop();
        let Some((dialect, told)) = record.and_then(|last| Some((last.dialect, last.message?)))
        else {
            return;
        };
        // Another call may have ended meanwhile.
        let table = CLOUDS.services().find(|table| table.dialect == dialect);
        let cloud = table.and_then(|table| CLOUDS.of_service(table));
        let texts = cloud.unwrap_or_else(|| CLOUDS.speaking(request)).texts;
        // A text that was cut is no text of a row.
        if told.len() < MESSAGE_BYTES_MAX - char::MAX.len_utf8() {
            let missing = texts.missing(&told);
            assert_eq!(
                missing, None,
                "no row of language.rs says {told:?} in Chinese"
            );
        }
    }

    /// Signs a request with the plane's key at the plane's time, with a fresh nonce.
    pub fn signed(
        &self,
        request: WireRequest,
        scheme: &'static Scheme,
        region: &str,
        service: &str,
    ) -> WireRequest {
        self.signed_by(
            self.key_id,
            SANDBOX_SECRET,
            request,
            scheme,
            region,
            service,
        )
    }

    /// Signs a request with any key.
    pub fn signed_by(
        &self,
        id: &str,
        secret: &str,
        request: WireRequest,
        scheme: &'static Scheme,
        region: &str,
        service: &str,
    ) -> WireRequest {
        let credentials = credentials(id, secret);
        let moment = self.moment();
        let scope = SigningScope {
            region: region.to_owned(),
            service: service.to_owned(),
        };
        sign(request, scheme, &credentials, &moment, &scope).expect("a test request can be signed")
    }

    /// A request to the plane's host.
    pub fn request(
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> WireRequest {
        let mut map = HeaderMap::new();
        map.insert("host", HeaderValue::from_static(HOST));
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a test header name");
            map.append(
                name,
                HeaderValue::from_str(value).expect("a test header value"),
            );
        }
        WireRequest::new(method, target, map, body.to_owned().into()).expect("a test request")
    }

    /// The Kafka of an instance that runs, as its engine's super user.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn kafka(&self, id: &str) -> Client {
        let stream = self.engine.connect(&InstanceId::new(id)).await;
        let client = Client::connect(stream.expect("the cluster runs")).await;
        client.expect("its Kafka answers")
    }

    /// The topics of an instance that runs, as its Kafka has them.
    ///
    /// # Panics
    /// As [`Plane::kafka`].
    pub async fn topics(&self, id: &str) -> Vec<Topic> {
        let topics = topics_of(&mut self.kafka(id).await).await;
        topics.expect("its Kafka answers")
    }

    /// What each broker of an instance tells of a setting; `None` where it has no such.
    ///
    /// # Panics
    /// As [`Plane::kafka`].
    pub async fn broker_configs(&self, id: &str, name: &str) -> Vec<Option<String>> {
        let seen = self.engine.observe_cluster(&InstanceId::new(id)).await;
        let spec = seen.ok().flatten().and_then(|seen| seen.spec);
        let listeners = spec.expect("the cluster runs").listeners;
        let brokers: BTreeSet<i32> = listeners.iter().map(|at| at.broker_id).collect();
        let mut kafka = self.kafka(id).await;
        let mut told = Vec::new();
        for broker in brokers {
            let broker = broker.to_string();
            let resources = [ConfigResource::broker(&broker)];
            let configs = kafka.configs_describe(&resources, Some(&[name])).await;
            let entries = configs.expect("its Kafka answers").remove(0);
            let entry = entries.expect("a broker has settings").into_iter().next();
            told.push(entry.and_then(|entry| entry.value));
        }
        told
    }

    /// Waits until the reconciler has nothing to do for an instance of the sandbox account: its cluster runs as its
    /// record says.
    ///
    /// # Panics
    /// When that does not come.
    pub async fn come_to_rest(&self, profile: &'static str, id: &str) {
        let (cx, id) = (self.context(profile, "").await, InstanceId::new(id));
        for _ in 0..LOOKS_MAX {
            let wanted = self.control.instance_view(&cx, &id).await;
            let wanted = wanted.expect("it is there");
            let seen = self.engine.observe_cluster(&id).await;
            let spec = seen.ok().flatten().and_then(|seen| seen.spec);
            if spec.is_some_and(|spec| spec.settings == wanted.settings) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{id} does not run as its record says");
    }

    /// Waits until an instance of the sandbox account is in a phase.
    ///
    /// # Panics
    /// When the reconciler comes to rest without getting there.
    pub async fn wait_for(&self, profile: &'static str, id: &str, phase: Phase) {
        if self.comes_to(profile, id, phase, LOOKS_MAX).await {
            return;
        }
        panic!("{id} did not become {}", phase.word());
    }

    /// As [`Plane::wait_for`], with time passing: what waits for its next attempt gets it.
    ///
    /// # Panics
    /// As [`Plane::wait_for`].
    pub async fn let_time_pass_until(&self, profile: &'static str, id: &str, phase: Phase) {
        for _ in 0..ATTEMPTS_MAX {
            if self
                .comes_to(profile, id, phase, LOOKS_BETWEEN_ATTEMPTS)
                .await
            {
                return;
            }
            self.clock.set(self.control.real_now().plus_seconds(60));
            self.control.reconcile_wake();
        }
        panic!("{id} did not become {}", phase.word());
    }

    async fn comes_to(&self, profile: &'static str, id: &str, phase: Phase, looks: usize) -> bool {
        let cx = self.context(profile, "").await;
        for _ in 0..looks {
            match self.control.instance_view(&cx, &InstanceId::new(id)).await {
                Ok(instance) if instance.phase == phase => return true,
                Err(_) if phase == Phase::Gone => return true,
                _ => tokio::task::yield_now().await,
            }
        }
        false
    }

    /// Asserts that the ledger is sound.
    pub async fn assert_ledger(&self) {
        let report = self
            .control
            .ledger_check()
            .await
            .expect("the ledger is read");
        assert_eq!(report.findings, [], "of {} transfers", report.transfers);
    }
}

impl Door for Plane {
    const LOOKS_MAX: usize = LOOKS_MAX;

    fn host(&self) -> &str {
        HOST
    }

    fn credentials(&self) -> Credentials {
        credentials(self.key_id, SANDBOX_SECRET)
    }

    fn moment(&self) -> SigningMoment {
        SigningMoment {
            epoch_s: self.control.real_now().seconds(),
            nonce: format!("test-nonce-{}", self.nonces.fetch_add(1, Ordering::Relaxed)),
        }
    }

    async fn send(&self, request: &WireRequest) -> Result<Value, String> {
        let answer = Self::send(self, request).await;
        match answer.json {
            Value::Null => Err(answer.body),
            json => Ok(json),
        }
    }

    async fn pause(&self) {
        tokio::task::yield_now().await;
    }
}

fn credentials(id: &str, secret: &str) -> Credentials {
    Credentials {
        access_key_id: id.to_owned(),
        secret: SecretString::from(secret),
        session_token: None,
    }
}

/// Clusters in a map, with brokers behind them for the tests that speak to Kafka.
fn engine(clock: Arc<FrozenClock>) -> FakeEngine {
    let dir = OnceLock::new();
    FakeEngine::over(move || {
        let dir = dir.get_or_init(|| tempfile::tempdir().expect("a directory for brokers"));
        let opened = EmbeddedEngine::open(EmbeddedOptions {
            data_dir: dir.path().to_owned(),
            durability: Durability::Process,
            real_clock: clock.clone(),
            seed: 1,
            tls_files: None,
            shared_port: None,
            public_shared_port: None,
            log_intervals: LogIntervals::default(),
            group_initial_rebalance_delay: Duration::ZERO,
        });
        Arc::new(opened.expect("brokers can run"))
    })
}

/// Makes the plane's own key of the sandbox account, unless another plane on this store has made it.
async fn key_of_the_plane(control: &Control) -> &'static str {
    let account = control
        .account_view(SANDBOX_ACCOUNT)
        .await
        .expect("the sandbox account is there");
    let key = NewKey {
        id: Some(AccessKeyId::new(KEY_ID)),
        secret: Some(SecretString::from(SANDBOX_SECRET)),
        session_token: None,
        policy: Policy::allow_all(),
    };
    match control.access_key_create(&account.id, key).await {
        Ok(_) | Err(Error::Exists { .. }) => KEY_ID,
        Err(error) => panic!("the plane's key is made: {error}"),
    }
}
