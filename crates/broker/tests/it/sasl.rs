//! SASL as clients see it: who is authenticated, who is not, and the messages.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use brokerage_broker::{ClusterSpec, Durability, Host, SaslMechanism, SaslSpec, SecurityProtocol};
use brokerage_kafka_admin::{Acl, AclOperation, AclPermission, PatternType, ResourceType};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use ring::{digest, pbkdf2};

use crate::client_scram::ClientScram;
use crate::support::{Administration, Client, batch, host_at, spec, topic};

pub const PASSWORD: &str = "correct horse";

pub fn sasl_spec(sasl: SaslSpec) -> ClusterSpec {
    let mut spec = spec("c", 1);
    let listener = &mut spec.brokers[0].listeners[0];
    listener.security = SecurityProtocol::SaslPlaintext;
    listener.sasl = sasl;
    spec
}

async fn host_with(dir: &std::path::Path, spec: ClusterSpec) -> Host {
    let host = host_at(dir, Durability::Process);
    host.ensure_cluster(spec).await.unwrap();
    host.put_user("c", "app", PASSWORD).await.unwrap();
    host
}

async fn user_names(host: &Host) -> Vec<String> {
    let users = host.admin("c").await.user_list().await.unwrap();
    users.into_iter().map(|user| user.name).collect()
}

fn plain(user: &str, password: &str) -> Bytes {
    format!("\0{user}\0{password}").into()
}

async fn handshake(client: &mut Client, mechanism: &str, version: i16) -> SaslHandshakeResponse {
    let mechanism = StrBytes::from_string(mechanism.to_owned());
    let request = SaslHandshakeRequest::default().with_mechanism(mechanism);
    client.call(request, version).await
}

async fn token(client: &mut Client, token: Bytes) -> SaslAuthenticateResponse {
    let request = SaslAuthenticateRequest::default().with_auth_bytes(token);
    client.call(request, 1).await
}

/// Logs in by requests; the last answer.
pub async fn log_in(
    client: &mut Client,
    mechanism: SaslMechanism,
    user: &str,
    password: &str,
) -> SaslAuthenticateResponse {
    let answer = handshake(client, mechanism.name(), 1).await;
    assert_eq!(answer.error_code, 0);
    if mechanism == SaslMechanism::Plain {
        return token(client, plain(user, password)).await;
    }
    log_in_by_scram(client, &ClientScram::new(mechanism, user, password)).await
}

async fn log_in_by_scram(client: &mut Client, scram: &ClientScram) -> SaslAuthenticateResponse {
    let answer = token(client, scram.first()).await;
    assert_eq!((answer.error_code, answer.session_lifetime_ms), (0, 0));
    let last = token(client, scram.last(&answer.auth_bytes)).await;
    if last.error_code == 0 {
        scram.check(&answer.auth_bytes, &last.auth_bytes);
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_librdkafka_comes_in_where_kafka_lets_it_in() {
    for (version, is_let_in) in [("2.4.1", true), ("3.2.3", true), ("4.1.0", false)] {
        let dir = tempfile::tempdir().unwrap();
        let spec = ClusterSpec {
            kafka_version: version.to_owned(),
            ..sasl_spec(SaslSpec::default())
        };
        let host = host_with(dir.path(), spec).await;
        for mechanism in [SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
            for (password, knows) in [(PASSWORD, true), ("wrong", false)] {
                let mut client = Client::connect(&host, "c", 0).await;
                handshake(&mut client, mechanism.name(), 1).await;
                let mut scram = ClientScram::new(mechanism, "app", password);
                scram.repeats_nonce = true;
                let answer = log_in_by_scram(&mut client, &scram).await;
                let expected = is_let_in && knows;
                assert_eq!(answer.error_code == 0, expected, "{version} {mechanism}");
            }
        }
        host.shutdown().await;
    }
}

async fn metadata(client: &mut Client) -> MetadataResponse {
    client.call(MetadataRequest::default(), 12).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mechanism_lets_in_who_knows_the_password_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    for mechanism in SaslMechanism::ALL {
        let mut client = Client::connect(&host, "c", 0).await;
        assert_eq!(
            log_in(&mut client, mechanism, "app", PASSWORD)
                .await
                .error_code,
            0
        );
        assert_eq!(metadata(&mut client).await.brokers.len(), 1);
        let mut told = Vec::new();
        for (user, password) in [("app", "wrong"), ("nobody", PASSWORD), ("nobody", "wrong")] {
            let mut client = Client::connect(&host, "c", 0).await;
            let before = Instant::now();
            let answer = log_in(&mut client, mechanism, user, password).await;
            assert!(before.elapsed() >= Duration::from_millis(100));
            assert_eq!(
                answer.error_code,
                ResponseError::SaslAuthenticationFailed.code()
            );
            told.push(answer.error_message);
            assert!(client.receive_raw().await.is_none());
        }
        let expected = match mechanism {
            SaslMechanism::Plain => {
                "Authentication failed: Invalid username or password".to_owned()
            }
            scram => format!(
                "Authentication failed during authentication due to invalid credentials with SASL mechanism {scram}"
            ),
        };
        assert!(
            told.iter().all(|told| told.as_deref() == Some(&expected)),
            "{told:?}"
        );
    }
    let seen = host.observe("c").unwrap().counters;
    assert_eq!((seen.authentications, seen.authentications_failed), (3, 9));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_may_say_the_cluster_with_its_users_name() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    host.create_topic("c", topic("t", 1)).await.unwrap();
    // Nobody but this user sees the topic.
    let acl = Acl {
        resource_type: ResourceType::Topic,
        resource_name: "t".to_owned(),
        pattern_type: PatternType::Literal,
        principal: "User:app".to_owned(),
        host: "*".to_owned(),
        operation: AclOperation::Describe,
        permission: AclPermission::Allow,
    };
    let made = host.admin("c").await.acls_create(&[acl]).await.unwrap();
    assert_eq!(made, [Ok(())]);
    for mechanism in SaslMechanism::ALL {
        for (login, is_in) in [("c#app", true), ("d#app", false), ("c#", false)] {
            let mut client = Client::connect(&host, "c", 0).await;
            let answer = log_in(&mut client, mechanism, login, PASSWORD).await;
            assert_eq!(answer.error_code == 0, is_in, "{mechanism:?} {login}");
            if is_in {
                let all = MetadataRequest::default().with_topics(None);
                let seen = client.call(all, 12).await.topics;
                assert_eq!(seen.len(), 1, "it is the user of that name");
            }
        }
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_handshake_version_is_followed_by_bare_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    let mut client = Client::connect(&host, "c", 0).await;
    assert_eq!(handshake(&mut client, "PLAIN", 0).await.error_code, 0);
    client.send_raw(&plain("app", PASSWORD)).await;
    assert_eq!(client.receive_raw().await.unwrap(), Bytes::new());
    assert_eq!(metadata(&mut client).await.brokers.len(), 1);

    let mut client = Client::connect(&host, "c", 0).await;
    assert_eq!(
        handshake(&mut client, "SCRAM-SHA-512", 0).await.error_code,
        0
    );
    let scram = ClientScram::new(SaslMechanism::ScramSha512, "app", PASSWORD);
    client.send_raw(&scram.first()).await;
    let challenge = client.receive_raw().await.unwrap();
    client.send_raw(&scram.last(&challenge)).await;
    scram.check(&challenge, &client.receive_raw().await.unwrap());
    assert_eq!(metadata(&mut client).await.brokers.len(), 1);

    // There is no way to say no, other than to close.
    let mut client = Client::connect(&host, "c", 0).await;
    handshake(&mut client, "PLAIN", 0).await;
    client.send_raw(&plain("app", "wrong")).await;
    assert!(client.receive_raw().await.is_none());
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_a_user_is_known_nothing_else_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    let mut client = Client::connect(&host, "c", 0).await;
    let frame = client.frame(&MetadataRequest::default(), 12);
    client.send_raw(&frame).await;
    assert!(client.receive_raw().await.is_none());

    // Versions may be asked for once; a version that is too new may be asked for again.
    let mut client = Client::connect(&host, "c", 0).await;
    let mut frame = client.frame(&ApiVersionsRequest::default(), 0).to_vec();
    frame[3] = 99;
    client.send_raw(&frame).await;
    let refused = client.receive_raw().await.unwrap();
    assert_eq!(
        refused[4..6],
        ResponseError::UnsupportedVersion.code().to_be_bytes()
    );
    let served = client.call(ApiVersionsRequest::default(), 0).await;
    assert!(
        served
            .api_keys
            .iter()
            .any(|key| key.api_key == ApiKey::SaslAuthenticate as i16)
    );
    let frame = client.frame(&ApiVersionsRequest::default(), 0);
    client.send_raw(&frame).await;
    assert!(client.receive_raw().await.is_none());

    // A request in place of a token.
    let mut client = Client::connect(&host, "c", 0).await;
    handshake(&mut client, "PLAIN", 1).await;
    let answer = handshake(&mut client, "PLAIN", 1).await;
    assert_eq!(answer.error_code, ResponseError::IllegalSaslState.code());
    assert!(client.receive_raw().await.is_none());

    // More than a token can be.
    let mut client = Client::connect(&host, "c", 0).await;
    client.send_raw(&vec![0; (8 << 10) + 1]).await;
    assert!(client.receive_raw().await.is_none());
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_authenticate_with_the_versions_of_the_release_that_was_bought() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = sasl_spec(SaslSpec::default());
    spec.kafka_version = "1.0.2".to_owned();
    let host = host_with(dir.path(), spec).await;
    for (version, is_served) in [(0, true), (2, false)] {
        let mut client = Client::connect(&host, "c", 0).await;
        let frame = client.frame(&ApiVersionsRequest::default(), 3);
        client.send_raw(&frame).await;
        let refused = client.receive_raw().await.unwrap();
        let unsupported = ResponseError::UnsupportedVersion.code();
        assert_eq!(refused[4..6], unsupported.to_be_bytes());
        let told = client.call(ApiVersionsRequest::default(), 1).await.api_keys;
        let key = ApiKey::SaslAuthenticate as i16;
        let told = told.iter().find(|told| told.api_key == key).unwrap();
        assert_eq!((told.min_version, told.max_version), (0, 0));
        assert_eq!(handshake(&mut client, "PLAIN", 1).await.error_code, 0);
        let request = SaslAuthenticateRequest::default().with_auth_bytes(plain("app", PASSWORD));
        let frame = client.frame(&request, version);
        client.send_raw(&frame).await;
        assert_eq!(client.receive_raw().await.is_some(), is_served);
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mechanism_that_is_not_enabled_is_refused_with_those_that_are() {
    let dir = tempfile::tempdir().unwrap();
    let sasl = SaslSpec {
        mechanisms: vec![SaslMechanism::ScramSha256],
        ..SaslSpec::default()
    };
    let host = host_with(dir.path(), sasl_spec(sasl)).await;
    for mechanism in ["PLAIN", "SCRAM-SHA-512", "GSSAPI", ""] {
        let mut client = Client::connect(&host, "c", 0).await;
        let answer = handshake(&mut client, mechanism, 1).await;
        assert_eq!(
            answer.error_code,
            ResponseError::UnsupportedSaslMechanism.code()
        );
        let enabled: Vec<&str> = answer.mechanisms.iter().map(|name| name.as_str()).collect();
        assert_eq!(enabled, ["SCRAM-SHA-256"]);
        assert!(client.receive_raw().await.is_none());
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_in_cannot_authenticate_again_unless_sessions_have_to_be_renewed() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    let mut client = Client::connect(&host, "c", 0).await;
    log_in(&mut client, SaslMechanism::Plain, "app", PASSWORD).await;
    let illegal = ResponseError::IllegalSaslState.code();
    assert_eq!(handshake(&mut client, "PLAIN", 1).await.error_code, illegal);
    let answer = token(&mut client, plain("app", PASSWORD)).await;
    assert_eq!(answer.error_code, illegal);
    assert_eq!(metadata(&mut client).await.brokers.len(), 1);
    host.shutdown().await;

    let dir = tempfile::tempdir().unwrap();
    let sasl = SaslSpec {
        session_lifetime_ms_max: 1_500,
        ..SaslSpec::default()
    };
    let host = host_with(dir.path(), sasl_spec(sasl)).await;
    host.put_user("c", "other", PASSWORD).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let plain_mechanism = SaslMechanism::Plain;
    let answer = log_in(&mut client, plain_mechanism, "app", PASSWORD).await;
    assert_eq!(answer.session_lifetime_ms, 1_500);
    // A renewal holds the session up.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let answer = log_in(&mut client, plain_mechanism, "app", PASSWORD).await;
    assert_eq!((answer.error_code, answer.session_lifetime_ms), (0, 1_500));
    // Another so soon is out of place.
    assert_eq!(handshake(&mut client, "PLAIN", 1).await.error_code, illegal);
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(metadata(&mut client).await.brokers.len(), 1);
    // Nobody becomes somebody else.
    let answer = log_in(&mut client, plain_mechanism, "other", PASSWORD).await;
    assert_eq!(
        answer.error_code,
        ResponseError::SaslAuthenticationFailed.code()
    );
    let told = "Cannot change principals during re-authentication from User.app: User.other";
    assert_eq!(answer.error_message.as_deref(), Some(told));
    assert!(client.receive_raw().await.is_none());
    // Who does not renew is disconnected at the next request.
    let mut client = Client::connect(&host, "c", 0).await;
    log_in(&mut client, plain_mechanism, "app", PASSWORD).await;
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    let frame = client.frame(&MetadataRequest::default(), 12);
    client.send_raw(&frame).await;
    assert!(client.receive_raw().await.is_none());
    assert_eq!(host.observe("c").unwrap().counters.sessions_expired, 1);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_from_one_address_is_stopped_however_many_connections_guess() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..120 {
        let mut client = Client::connect(&host, "c", 0).await;
        guesses.spawn(async move {
            handshake(&mut client, "PLAIN", 0).await;
            client.send_raw(&plain("app", "guess")).await;
            client.receive_raw().await
        });
    }
    while let Some(answer) = guesses.join_next().await {
        assert_eq!(answer.unwrap(), None);
        if host.observe("c").unwrap().counters.authentications_limited >= 40 {
            break;
        }
    }
    assert!(host.observe("c").unwrap().counters.authentications_limited >= 40);
    guesses.abort_all();
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_kept_as_salted_keys_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    let metadata_log = dir.path().join("c/cluster.journal");
    let records = || {
        let text = std::fs::read_to_string(&metadata_log).unwrap();
        let records = text.lines().filter(|line| line.contains('{'));
        records.map(str::to_owned).collect::<Vec<_>>()
    };
    let text = records().concat();
    assert!(text.contains("SCRAM-SHA-256") && text.contains("SCRAM-SHA-512"));
    assert!(!text.contains(PASSWORD) && !text.contains(&BASE64.encode(PASSWORD)));

    host.put_user("c", "gone", "x").await.unwrap();
    assert_eq!(user_names(&host).await, ["app", "gone"]);
    host.delete_user("c", "gone").await.unwrap();
    let again = host.delete_user("c", "gone").await.unwrap_err();
    assert_eq!(again.code(), Some(ResponseError::ResourceNotFound));
    host.stop_cluster("c").await.unwrap();
    host.ensure_cluster(sasl_spec(SaslSpec::default()))
        .await
        .unwrap();
    assert_eq!(user_names(&host).await, ["app"]);
    let failed = ResponseError::SaslAuthenticationFailed.code();
    for (user, password, expected) in [("app", PASSWORD, 0), ("gone", "x", failed)] {
        let mut client = Client::connect(&host, "c", 0).await;
        let answer = log_in(&mut client, SaslMechanism::ScramSha512, user, password).await;
        assert_eq!(answer.error_code, expected);
    }
    // A new password takes the place of the old one.
    host.put_user("c", "app", "new").await.unwrap();
    for (password, expected) in [(PASSWORD, failed), ("new", 0)] {
        let mut client = Client::connect(&host, "c", 0).await;
        let answer = log_in(&mut client, SaslMechanism::Plain, "app", password).await;
        assert_eq!(answer.error_code, expected);
    }
    for name in ["", "__internal", "ANONYMOUS"] {
        let refused = host.put_user("c", name, "x").await.unwrap_err();
        let expected = ResponseError::UnacceptableCredential;
        assert_eq!(refused.code(), Some(expected), "{name:?}");
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_salt_of_a_user_who_does_not_exist_stays_the_same_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    let mut salts = Vec::new();
    for round in 0..3 {
        let mut client = Client::connect(&host, "c", 0).await;
        handshake(&mut client, "SCRAM-SHA-256", 1).await;
        let scram = ClientScram::new(SaslMechanism::ScramSha256, "nobody", "x");
        let answer = token(&mut client, scram.first()).await;
        let text = String::from_utf8(answer.auth_bytes.to_vec()).unwrap();
        let (_, salt) = text.split_once(",s=").unwrap();
        salts.push(salt.to_owned());
        if round == 1 {
            host.stop_cluster("c").await.unwrap();
            host.ensure_cluster(sasl_spec(SaslSpec::default()))
                .await
                .unwrap();
        }
    }
    assert!(salts.iter().all(|salt| *salt == salts[0]), "{salts:?}");
    host.shutdown().await;
}

pub type Altered = alter_user_scram_credentials_response::AlterUserScramCredentialsResult;

pub async fn alter(client: &mut Client, request: AlterUserScramCredentialsRequest) -> Vec<Altered> {
    client.call(request, 0).await.results
}

pub fn set(
    user: &str,
    mechanism: i8,
    iterations: i32,
) -> alter_user_scram_credentials_request::ScramCredentialUpsertion {
    let mut salted = [0; digest::SHA256_OUTPUT_LEN];
    let rounds = std::num::NonZeroU32::new(iterations.unsigned_abs().max(1)).unwrap();
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        b"salt",
        PASSWORD.as_bytes(),
        &mut salted,
    );
    alter_user_scram_credentials_request::ScramCredentialUpsertion::default()
        .with_name(StrBytes::from_string(user.to_owned()))
        .with_mechanism(mechanism)
        .with_iterations(iterations)
        .with_salt(Bytes::from_static(b"salt"))
        .with_salted_password(Bytes::copy_from_slice(&salted))
}

pub fn delete(
    user: &str,
    mechanism: i8,
) -> alter_user_scram_credentials_request::ScramCredentialDeletion {
    alter_user_scram_credentials_request::ScramCredentialDeletion::default()
        .with_name(StrBytes::from_string(user.to_owned()))
        .with_mechanism(mechanism)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_are_set_described_and_deleted_by_clients() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    host.set_super_user("c", "app", true).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    log_in(&mut client, SaslMechanism::Plain, "app", PASSWORD).await;
    let request = AlterUserScramCredentialsRequest::default().with_upsertions(vec![
        set("made", 1, 8_192),
        set("__internal", 1, 8_192),
        set("ANONYMOUS", 2, 8_192),
        set("few", 1, 4_095),
        set("many", 1, 16_385),
        set("odd", 3, 4_096),
        set("", 1, 4_096),
        set("twice", 1, 4_096),
        set("twice", 2, 4_096),
        set("both", 1, 4_096),
    ]);
    let request = request.with_deletions(vec![
        delete("missing", 1),
        delete("app", 2),
        delete("both", 1),
        delete("odd", 0),
    ]);
    let results = alter(&mut client, request).await;
    let codes: Vec<(&str, i16)> = results
        .iter()
        .map(|result| (result.user.as_str(), result.error_code))
        .collect();
    let unacceptable = ResponseError::UnacceptableCredential.code();
    assert_eq!(
        codes,
        [
            ("", unacceptable),
            ("ANONYMOUS", unacceptable),
            ("__internal", unacceptable),
            ("app", 0),
            ("both", ResponseError::ResourceNotFound.code()),
            ("few", unacceptable),
            ("made", 0),
            ("many", unacceptable),
            ("missing", ResponseError::ResourceNotFound.code()),
            ("odd", ResponseError::UnsupportedSaslMechanism.code()),
            ("twice", ResponseError::DuplicateResource.code()),
        ]
    );
    // Who has the key of one mechanism comes in by it alone; the one whose SHA-512 is gone has SHA-256 left.
    for (mechanism, user, is_let_in) in [
        (SaslMechanism::ScramSha256, "made", true),
        (SaslMechanism::ScramSha512, "made", false),
        (SaslMechanism::Plain, "made", false),
        (SaslMechanism::ScramSha256, "app", true),
        (SaslMechanism::ScramSha512, "app", false),
        (SaslMechanism::Plain, "app", false),
    ] {
        let mut client = Client::connect(&host, "c", 0).await;
        let answer = log_in(&mut client, mechanism, user, PASSWORD).await;
        assert_eq!(answer.error_code == 0, is_let_in, "{mechanism} {user}");
    }
    let user = |name: &'static str| {
        describe_user_scram_credentials_request::UserName::default()
            .with_name(StrBytes::from_static_str(name))
    };
    let names = vec![user("made"), user("missing"), user("app"), user("app")];
    let request = DescribeUserScramCredentialsRequest::default().with_users(Some(names));
    let described = client.call(request, 0).await.results;
    let seen: Vec<_> = described
        .iter()
        .map(|one| {
            let infos = one.credential_infos.iter();
            let infos = infos.map(|info| (info.mechanism, info.iterations));
            (one.user.as_str(), one.error_code, infos.collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("app", ResponseError::DuplicateResource.code(), vec![]),
            ("made", 0, vec![(1, 8_192)]),
            ("missing", ResponseError::ResourceNotFound.code(), vec![]),
        ]
    );
    let request = DescribeUserScramCredentialsRequest::default().with_users(None);
    assert_eq!(client.call(request, 0).await.results.len(), 2);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_holds_for_the_user_who_authenticated() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    host.put_user("c", "other", PASSWORD).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let mut throttles = Vec::new();
    for user in ["app", "other"] {
        host.set_super_user("c", user, true).await.unwrap();
        let mut client = Client::connect(&host, "c", 0).await;
        log_in(&mut client, SaslMechanism::ScramSha256, user, PASSWORD).await;
        let entity = alter_client_quotas_request::EntityData::default()
            .with_entity_type("user".into())
            .with_entity_name(Some("app".into()));
        let op = alter_client_quotas_request::OpData::default()
            .with_key("producer_byte_rate".into())
            .with_value(1_000.0);
        let entry = alter_client_quotas_request::EntryData::default()
            .with_entity(vec![entity])
            .with_ops(vec![op]);
        let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
        assert_eq!(client.call(request, 1).await.entries[0].error_code, 0);
        let data = produce_request::PartitionProduceData::default()
            .with_records(Some(batch(&["x".repeat(1_000).as_str()])));
        let data = produce_request::TopicProduceData::default()
            .with_name(TopicName("t".into()))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(1_000)
            .with_topic_data(vec![data]);
        throttles.push(client.call(request, 9).await.throttle_time_ms);
    }
    assert!(throttles[0] > 0 && throttles[1] == 0, "{throttles:?}");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_before_authentication_harms_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_with(dir.path(), sasl_spec(SaslSpec::default())).await;
    let mut chance = StdRng::seed_from_u64(7);
    for round in 0..200 {
        let mut client = Client::connect(&host, "c", 0).await;
        let mut frame = vec![0; chance.random_range(0..60)];
        chance.fill_bytes(&mut frame);
        // Half of them look like what is expected first, half of the rest follow a good handshake.
        if round % 2 == 0 && frame.len() >= 4 {
            frame[..2].copy_from_slice(&[0, [17, 18, 36][round % 3]]);
            frame[2..4].copy_from_slice(&[0, (round % 4) as u8]);
        }
        if round % 4 == 1 {
            handshake(&mut client, "SCRAM-SHA-256", 1).await;
        }
        client.send_raw(&frame).await;
    }
    let mut client = Client::connect(&host, "c", 0).await;
    let answer = log_in(&mut client, SaslMechanism::ScramSha256, "app", PASSWORD).await;
    assert_eq!(answer.error_code, 0);
    host.shutdown().await;
}
