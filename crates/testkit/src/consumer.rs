//! A member of a consumer group, as Kafka's classic protocol has them, for tests of what is seen and refused while a group
//! has one.

use brokerage_kafka_admin::Client;
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{GroupId, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest};
use kafka_protocol::protocol::StrBytes;

/// The newest version of JoinGroup in which a member is in with its first request (KIP-394).
const JOIN_VERSION: i16 = 3;
/// The newest versions that name no protocol (KIP-559).
const SYNC_VERSION: i16 = 3;
const LEAVE_VERSION: i16 = 3;
/// How long a member may be silent, ms: longer than any test takes.
const SESSION_TIMEOUT_MS: i32 = 300_000;

/// A consumer that has some partitions of one topic.
#[derive(Debug)]
pub struct Consumer {
    client: Client,
    group: String,
    /// Its id, which the group gave it.
    pub member_id: String,
}

impl Consumer {
    /// Joins a group as its only member, and takes partitions of a topic.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn join(mut client: Client, group: &str, topic: &str, partitions: &[i32]) -> Self {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(subscription(topic));
        let join = JoinGroupRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_session_timeout_ms(SESSION_TIMEOUT_MS)
            .with_rebalance_timeout_ms(SESSION_TIMEOUT_MS)
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol]);
        let joined = client.call_at(&join, JOIN_VERSION).await;
        let joined = joined.expect("its Kafka answers");
        assert_eq!(joined.error_code, 0, "{joined:?}");
        let assignment = SyncGroupRequestAssignment::default()
            .with_member_id(joined.member_id.clone())
            .with_assignment(assignment(topic, partitions));
        let sync = SyncGroupRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id.clone())
            .with_assignments(vec![assignment]);
        let synced = client.call_at(&sync, SYNC_VERSION).await;
        let synced = synced.expect("its Kafka answers");
        assert_eq!(synced.error_code, 0, "{synced:?}");
        Self {
            client,
            group: group.to_owned(),
            member_id: joined.member_id.to_string(),
        }
    }

    /// Leaves its group.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn leave(mut self) {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let member = MemberIdentity::default().with_member_id(text(&self.member_id));
        let leave = LeaveGroupRequest::default()
            .with_group_id(GroupId(text(&self.group)))
            .with_members(vec![member]);
        let left = self.client.call_at(&leave, LEAVE_VERSION).await;
        let left = left.expect("its Kafka answers");
        assert_eq!(left.error_code, 0, "{left:?}");
    }
}

fn put_text(bytes: &mut BytesMut, text: &str) {
    bytes.put_i16(i16::try_from(text.len()).expect("a short name"));
    bytes.put_slice(text.as_bytes());
}

/// `ConsumerProtocolSubscription`, version 0: the topics, and no data of the user's.
fn subscription(topic: &str) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(1);
    put_text(&mut bytes, topic);
    bytes.put_i32(-1);
    bytes.freeze()
}

/// `ConsumerProtocolAssignment`, version 0.
fn assignment(topic: &str, partitions: &[i32]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(1);
    put_text(&mut bytes, topic);
    bytes.put_i32(i32::try_from(partitions.len()).expect("few partitions"));
    for partition in partitions {
        bytes.put_i32(*partition);
    }
    bytes.put_i32(-1);
    bytes.freeze()
}
