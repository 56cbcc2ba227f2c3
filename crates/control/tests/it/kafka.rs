//! Connections to the Kafka of instances: one each while it is used, none when idle, replaced when its cluster was
//! started anew; and what races on them come to.

use std::collections::BTreeMap;

use brokerage_control::tag::{TagEdit, Tagged, TaggedPart};
use brokerage_control::topic::NewTopic;
use brokerage_control::topic_edit::TopicEdit;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Phase, Tags};
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::{AllowList, Topic};
use brokerage_domain::{Error, Result};
use brokerage_engine::Engine;
use brokerage_engine::fake::{Fault, Method};
use brokerage_testkit::Plane;

use crate::purchase::{REGION, buy};

/// Longer than an idle connection is kept, in seconds.
const PAST_IDLE_S: i64 = 31;
/// Looks before a test gives up on a task.
const LOOKS_MAX: usize = 1_000_000;

async fn running() -> (Plane, InstanceId) {
    let plane = Plane::sandbox().await;
    let id = buy(&plane, 1).await.unwrap().instance_ids.remove(0);
    plane
        .let_time_pass_until("ckafka", id.as_str(), Phase::Running)
        .await;
    (plane, id)
}

async fn create(plane: &Plane, id: &InstanceId, name: &str) -> Result<()> {
    create_noted(plane, id, name, "").await
}

async fn create_noted(plane: &Plane, id: &InstanceId, name: &str, remark: &str) -> Result<()> {
    let call = plane.change("ckafka", REGION).await;
    let topic = Topic {
        name: name.to_owned(),
        partitions: 1,
        replication_factor: 1,
        configs: BTreeMap::new(),
    };
    let new = NewTopic {
        topic,
        remark: remark.to_owned(),
        tags: Tags::new(),
        allow_list: AllowList::new(),
        notes: Notes::default(),
    };
    plane.control.topic_create(call, id, new).await
}

async fn names(plane: &Plane, id: &InstanceId) -> Vec<String> {
    let cx = plane.context("ckafka", REGION).await;
    let topics = plane.control.topic_list(&cx, id).await.unwrap();
    topics.into_iter().map(|view| view.topic.name).collect()
}

fn connects(plane: &Plane) -> usize {
    let calls = plane.engine.calls();
    calls
        .iter()
        .filter(|call| call.starts_with("connect "))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_is_kept_while_it_is_used_and_none_when_idle() {
    let (plane, id) = running().await;
    for name in ["a", "b"] {
        create(&plane, &id, name).await.unwrap();
    }
    assert_eq!(names(&plane, &id).await, ["a", "b"]);
    assert_eq!(
        (connects(&plane), plane.control.kafka_connection_count()),
        (1, 1)
    );
    plane
        .clock
        .set(plane.control.real_now().plus_seconds(PAST_IDLE_S));
    for _ in 0..LOOKS_MAX {
        plane.control.task_wake("close_idle_kafka");
        if plane.control.kafka_connection_count() == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(plane.control.kafka_connection_count(), 0);
    assert_eq!(names(&plane, &id).await, ["a", "b"]);
    assert_eq!(connects(&plane), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ended_is_replaced_and_one_that_fails_is_not_kept() {
    let (plane, id) = running().await;
    create(&plane, &id, "a").await.unwrap();
    let spec = plane
        .engine
        .observe_cluster(&id)
        .await
        .unwrap()
        .unwrap()
        .spec;
    plane.engine.stop_cluster(&id).await.unwrap();
    plane.engine.ensure_cluster(&spec.unwrap()).await.unwrap();
    assert_eq!(names(&plane, &id).await, ["a"], "topics outlive a stop");
    assert_eq!(connects(&plane), 2);
    plane.engine.stop_cluster(&id).await.unwrap();
    let failed = create(&plane, &id, "b").await;
    assert!(matches!(failed, Err(Error::Internal(_))), "{failed:?}");
    let spec = plane
        .engine
        .observe_cluster(&id)
        .await
        .unwrap()
        .unwrap()
        .spec;
    assert_eq!(spec, None);
    plane.control.reconcile_wake();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_cannot_be_made_fails_one_call() {
    let (plane, id) = running().await;
    for fault in [Fault::Fail, Fault::FailAfter, Fault::Refuse] {
        plane.engine.script(Method::Connect, [fault]);
        let failed = create(&plane, &id, "a").await;
        assert!(matches!(failed, Err(Error::Internal(_))), "{failed:?}");
    }
    create(&plane, &id, "a").await.unwrap();
    assert_eq!(names(&plane, &id).await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_made_once_however_many_ask_and_whoever_else_makes_it() {
    let (plane, id) = running().await;
    let asked = (0..8).map(|_| create(&plane, &id, "wanted"));
    let outcomes = futures_util::future::join_all(asked).await;
    assert_eq!(outcomes.iter().filter(|made| made.is_ok()).count(), 1);
    // Topics of Kafka's own are not listed: this one appears between the look and the attempt.
    let mut kafka = plane.kafka(id.as_str()).await;
    let hidden = brokerage_kafka_admin::NewTopic {
        name: "__hidden".to_owned(),
        partitions: 1,
        replication_factor: 1,
        configs: BTreeMap::new(),
    };
    kafka.topic_create(&hidden).await.unwrap();
    let hidden = create(&plane, &id, "__hidden").await;
    for (name, outcome) in (outcomes.into_iter().map(|outcome| ("wanted", outcome)))
        .chain([("__hidden", hidden)])
        .filter(|(_, outcome)| outcome.is_err())
    {
        match outcome {
            Err(Error::Exists { kind, id }) => assert_eq!((kind, id.as_str()), (Kind::Topic, name)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names(&plane, &id).await, ["wanted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_topic_leaves_nothing_behind() {
    let (plane, id) = running().await;
    let remarks = async || -> Vec<String> {
        let cx = plane.context("ckafka", REGION).await;
        let topics = plane.control.topic_list(&cx, &id).await.unwrap();
        let remark =
            |view: brokerage_control::topic::TopicView| view.record.map(|record| record.remark);
        topics
            .into_iter()
            .map(|view| remark(view).unwrap_or_default())
            .collect()
    };
    let noted: Vec<String> = (0..8).map(|number| format!("of call {number}")).collect();
    let asked = noted
        .iter()
        .map(|remark| create_noted(&plane, &id, "a.b", remark));
    let outcomes = futures_util::future::join_all(asked).await;
    let winner = outcomes.iter().position(Result::is_ok).unwrap();
    assert_eq!(remarks().await, [noted[winner].as_str()]);
    // Kafka takes them for one name in its metrics.
    let refused = create_noted(&plane, &id, "a_b", "refused").await;
    assert!(matches!(refused, Err(Error::Kafka { .. })), "{refused:?}");
    let mut kafka = plane.kafka(id.as_str()).await;
    kafka.topic_delete("a.b").await.unwrap();
    let theirs = brokerage_kafka_admin::NewTopic {
        name: "a_b".to_owned(),
        partitions: 1,
        replication_factor: 1,
        configs: BTreeMap::new(),
    };
    kafka.topic_create(&theirs).await.unwrap();
    assert_eq!(
        remarks().await,
        [""],
        "what a Kafka client made has no remark"
    );
}

/// A Kafka client deletes a topic and makes another of its name: what was noted of the first is not the second's.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_under_its_name_has_nothing_of_the_old_one() {
    let (plane, id) = running().await;
    let cx = plane.context("ckafka", REGION).await;
    let record = async || {
        let topics = plane.control.topic_list(&cx, &id).await.unwrap();
        topics.into_iter().next().unwrap().record
    };
    let remark = |remark: &str| TopicEdit {
        remark: Some(remark.to_owned()),
        ..TopicEdit::default()
    };
    let tag = |key: &str| TagEdit {
        set: [(key.to_owned(), "x".to_owned())].into(),
        tags_max: 10,
        ..TagEdit::default()
    };
    let tagged = || Tagged {
        instance: id.clone(),
        part: TaggedPart::Topic("t".to_owned()),
    };
    let change = async || plane.change("ckafka", REGION).await;
    create_noted(&plane, &id, "t", "the first").await.unwrap();
    let control = &plane.control;
    control
        .tags_edit(change().await, vec![tagged()], tag("first"))
        .await
        .unwrap();
    let made_anew = async || {
        let mut kafka = plane.kafka(id.as_str()).await;
        kafka.topic_delete("t").await.unwrap();
        let theirs = brokerage_kafka_admin::NewTopic {
            name: "t".to_owned(),
            partitions: 1,
            replication_factor: 1,
            configs: BTreeMap::new(),
        };
        kafka.topic_create(&theirs).await.unwrap();
    };
    assert_eq!(record().await.unwrap().remark, "the first");
    made_anew().await;
    assert_eq!(record().await, None, "nothing is noted of it");
    // The next write begins anew, whichever it is.
    control
        .topic_edit(change().await, &id, "t", remark("the second"))
        .await
        .unwrap();
    let second = record().await.unwrap();
    assert_eq!(
        (second.remark.as_str(), second.tags.len()),
        ("the second", 0)
    );
    made_anew().await;
    control
        .tags_edit(change().await, vec![tagged()], tag("third"))
        .await
        .unwrap();
    let third = record().await.unwrap();
    let keys: Vec<&str> = third.tags.keys().map(String::as_str).collect();
    assert_eq!((third.remark.as_str(), keys), ("", vec!["third"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_listed_and_deleted() {
    let (plane, id) = running().await;
    let control = &plane.control;
    let list = async || -> Vec<(String, bool)> {
        let users = control.user_list(&id).await.unwrap();
        users
            .into_iter()
            .map(|user| (user.name, user.is_super))
            .collect()
    };
    let drawn = control.user_put(&id, "anna", None, None).await.unwrap();
    assert!(drawn.is_some());
    let is_kept = control
        .user_put(&id, "anna", None, Some(true))
        .await
        .unwrap();
    assert!(is_kept.is_none(), "her password stays");
    control
        .user_put(&id, "semi;colon", None, Some(true))
        .await
        .unwrap();
    control
        .user_put(&id, "bert", Some("a password".into()), Some(false))
        .await
        .unwrap();
    let expected = [("anna", true), ("bert", false), ("semi;colon", true)];
    let expected = expected.map(|(name, is_super)| (name.to_owned(), is_super));
    assert_eq!(list().await, expected);
    control
        .user_put(&id, "anna", None, Some(false))
        .await
        .unwrap();
    for name in ["semi;colon", "bert", "nobody"] {
        control.user_delete(&id, name).await.unwrap();
    }
    assert_eq!(list().await, [("anna".to_owned(), false)]);
    // Who has no name administers where nobody has one: so a cluster is opened that one ACL has locked for all.
    for is_super in [true, false] {
        let anonymous = control.user_put(&id, "ANONYMOUS", None, Some(is_super));
        assert!(anonymous.await.unwrap().is_none());
        let expected = ("ANONYMOUS".to_owned(), true);
        assert_eq!(list().await.contains(&expected), is_super);
    }
    for (name, password, told) in [
        ("", "p", "a name has 1 to 255 bytes of printable ASCII"),
        ("ä", "p", "a name has 1 to 255 bytes of printable ASCII"),
        ("a", "", "a password is not empty and has no NUL"),
        ("a", "\0", "a password is not empty and has no NUL"),
        ("ANONYMOUS", "p", "the name is reserved"),
        ("__internal", "p", "the name is reserved"),
    ] {
        let refused = control
            .user_put(&id, name, Some(password.into()), None)
            .await;
        let told = format!("the user is not valid: {told}");
        assert_eq!(refused.unwrap_err().to_string(), told, "{name:?}");
    }
    let reserved = control.user_put(&id, "__internal", None, Some(true)).await;
    assert_eq!(
        reserved.unwrap_err().to_string(),
        "the user is not valid: the name is reserved"
    );
}
