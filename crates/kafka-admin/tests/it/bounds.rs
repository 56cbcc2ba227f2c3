//! What a broker that misbehaves can do to its client.

use std::time::Duration;

use brokerage_kafka_admin::{AdminError, Bounds, Client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BOUNDS: Bounds = Bounds {
    request_time_max: Duration::from_millis(50),
    answer_bytes_max: 1_000,
};

/// What becomes of a connection to somebody who answers the first request with these bytes.
async fn answered(bytes: Option<Vec<u8>>) -> AdminError {
    let (near, mut far) = tokio::io::duplex(4_096);
    let peer = tokio::spawn(async move {
        let length = far.read_u32().await.unwrap();
        far.read_exact(&mut vec![0; length as usize]).await.unwrap();
        match bytes {
            Some(bytes) => far.write_all(&bytes).await.unwrap(),
            None => std::future::pending().await,
        }
    });
    let error = Client::connect_within(near, BOUNDS).await.unwrap_err();
    peer.abort();
    error
}

#[tokio::test]
async fn an_answer_has_its_time_and_its_size() {
    let late = answered(None).await;
    assert!(matches!(late, AdminError::Timeout(_)), "{late:?}");
    let large = answered(Some(1_001_u32.to_be_bytes().to_vec())).await;
    let expected = (1_001, 1_000);
    assert!(
        matches!(large, AdminError::AnswerTooLarge { bytes, bytes_max } if (bytes, bytes_max) == expected),
        "{large:?}"
    );
    let cut = answered(Some(vec![0, 0, 0, 9, 0])).await;
    assert!(cut.is_lost(), "{cut:?}");
    // The right correlation id, no body.
    let empty = answered(Some(vec![0, 0, 0, 4, 0, 0, 0, 1])).await;
    assert!(
        matches!(empty, AdminError::Malformed { key: 18, .. }),
        "{empty:?}"
    );
    let other = answered(Some(vec![0, 0, 0, 4, 0, 0, 0, 9])).await;
    assert!(matches!(other, AdminError::Malformed { .. }), "{other:?}");
}

#[tokio::test]
async fn a_request_that_was_given_up_spoils_the_connection() {
    let world = crate::support::World::of(crate::support::spec(1)).await;
    let mut client = world.inside().await;
    assert!(client.is_alive());
    {
        let list = std::pin::pin!(client.topic_list());
        let polled = futures_poll(list);
        assert!(polled, "nobody has answered yet");
    }
    assert!(!client.is_alive());
    let after = client.topic_list().await.unwrap_err();
    assert!(after.is_lost(), "{after:?}");
}

/// Polls once; whether the future still waits.
fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    future.poll(&mut context).is_pending()
}
