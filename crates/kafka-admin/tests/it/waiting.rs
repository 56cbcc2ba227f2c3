//! A broker that has just begun to lead: what it refuses for that is asked again, and only so long.

use std::time::Duration;

use brokerage_kafka_admin::{AdminError, Client, ErrorCode, OffsetAt};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, ListOffsetsRequest, ListOffsetsResponse,
};
use kafka_protocol::protocol::{Encodable, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Of ListOffsets, in which its answer has a head without tagged fields.
const VERSION: i16 = 1;
/// What the peer says is the end.
const END: i64 = 7;

async fn request_read(far: &mut DuplexStream) -> Option<Bytes> {
    let length = far.read_u32().await.ok()?;
    let mut request = vec![0; length as usize];
    far.read_exact(&mut request).await.expect("a whole request");
    Some(request.into())
}

async fn answer_write(
    far: &mut DuplexStream,
    request: &[u8],
    answer: &impl Encodable,
    version: i16,
) {
    let mut body = BytesMut::from(&request[4..8]);
    answer.encode(&mut body, version).expect("an answer");
    let length = u32::try_from(body.len()).expect("a small answer");
    far.write_u32(length).await.expect("a peer that reads");
    far.write_all(&body).await.expect("a peer that reads");
}

/// A peer that serves ListOffsets: with each of these codes first, then with [`END`]. Gives how often it was asked.
async fn peer(mut far: DuplexStream, codes: Vec<ErrorCode>) -> usize {
    let request = request_read(&mut far)
        .await
        .expect("versions are asked first");
    let served = [ApiVersionsRequest::KEY, ListOffsetsRequest::KEY].map(|key| {
        ApiVersion::default()
            .with_api_key(key)
            .with_min_version(VERSION)
            .with_max_version(VERSION)
    });
    let versions = ApiVersionsResponse::default().with_api_keys(served.to_vec());
    answer_write(&mut far, &request, &versions, 0).await;
    let mut asked = 0;
    while let Some(request) = request_read(&mut far).await {
        let code = codes.get(asked).map_or(0, ErrorCode::code);
        let partition = ListOffsetsPartitionResponse::default()
            .with_error_code(code)
            .with_offset(END);
        let topic = ListOffsetsTopicResponse::default()
            .with_name(kafka_protocol::messages::TopicName("t".into()))
            .with_partitions(vec![partition]);
        let answer = ListOffsetsResponse::default().with_topics(vec![topic]);
        answer_write(&mut far, &request, &answer, VERSION).await;
        asked += 1;
    }
    asked
}

/// Finds the end twice at a peer that refuses so: what each came to, and how often the peer was asked. Time passes as it
/// is waited for.
async fn check(codes: &[ErrorCode], expected: [Result<i64, ErrorCode>; 2], asked: usize) {
    let (near, far) = tokio::io::duplex(4_096);
    let peer = tokio::spawn(peer(far, codes.to_vec()));
    let mut client = Client::connect(near).await.expect("it says its versions");
    for expected in expected {
        let found = client.offset_find("t", 0, OffsetAt::Latest).await;
        let found = found.map(Option::unwrap_or_default);
        let code = |error: AdminError| error.code().expect("Kafka's refusal");
        assert_eq!(found.map_err(code), expected);
    }
    drop(client);
    assert_eq!(peer.await.expect("the peer ends"), asked);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_found_soon_is_waited_for() {
    let began = tokio::time::Instant::now();
    let soon = [
        ErrorCode::LeaderNotAvailable,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotCoordinator,
    ];
    check(&soon, [Ok(END), Ok(END)], 7).await;
    // 10, 20, 40, 80, 160 ms.
    assert_eq!(began.elapsed(), Duration::from_millis(310));
}

#[tokio::test(start_paused = true)]
async fn what_another_try_does_not_mend_is_said_at_once() {
    let gone = ErrorCode::UnknownTopicOrPartition;
    check(&[gone], [Err(gone), Ok(END)], 2).await;
}

#[tokio::test(start_paused = true)]
async fn leaders_that_stay_away_cost_their_time_once() {
    let began = tokio::time::Instant::now();
    let away = ErrorCode::NotLeaderOrFollower;
    // Pauses of 310 ms and ten of 160; the second request has 90 ms left: three pauses.
    check(&vec![away; 100], [Err(away), Err(away)], 20).await;
    assert!(began.elapsed() < Duration::from_secs(2));
}
