//! Records in and out.

use brokerage_kafka_admin::{Client, ErrorCode, NewRecord, OffsetAt};
use bytes::Bytes;

use crate::support::{NOW_MS, World, spec, topic};

fn record(value: &str) -> NewRecord {
    NewRecord {
        timestamp_ms: NOW_MS,
        key: Some("k".into()),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: vec![("h".to_owned(), Some("1".into())), ("n".to_owned(), None)],
    }
}

#[tokio::test]
async fn what_is_appended_is_read_from_any_offset() {
    let world = World::of(spec(1)).await;
    for client in [&mut world.inside().await, &mut world.outside(0).await] {
        let name = format!("t{}", client.topic_list().await.unwrap().len());
        client.topic_create(&topic(&name, 1, 1)).await.unwrap();
        let first = [record("a"), record("b")];
        assert_eq!(client.records_append(&name, 0, &first).await.unwrap(), 0);
        let second = [record("c")];
        assert_eq!(client.records_append(&name, 0, &second).await.unwrap(), 2);
        let read = client
            .records_fetch(&name, 0, 1, 1 << 20, 100)
            .await
            .unwrap();
        let seen: Vec<_> = (read.records.iter())
            .map(|record| (record.offset, record.value.clone().unwrap()))
            .collect();
        assert_eq!(seen, [(1, "b".into()), (2, "c".into())]);
        let (kept, sent) = (&read.records[0], &first[1]);
        assert_eq!((&kept.key, &kept.headers), (&sent.key, &sent.headers));
        assert_eq!((kept.timestamp_ms, read.high_watermark), (NOW_MS, 3));
        let end = client.records_fetch(&name, 0, 3, 1 << 20, 0).await.unwrap();
        assert_eq!(end.records, []);
        let beyond = client.records_fetch(&name, 0, 4, 1 << 20, 0).await;
        assert_eq!(
            beyond.unwrap_err().code(),
            Some(ErrorCode::OffsetOutOfRange)
        );
        offsets(client, &name).await;
    }
}

async fn offsets(client: &mut Client, name: &str) {
    for (at, expected) in [
        (OffsetAt::Earliest, Some(0)),
        (OffsetAt::Latest, Some(3)),
        (OffsetAt::TimestampMs(NOW_MS), Some(0)),
        (OffsetAt::TimestampMs(NOW_MS + 1), None),
    ] {
        assert_eq!(
            client.offset_find(name, 0, at).await.unwrap(),
            expected,
            "{at:?}"
        );
    }
    assert_eq!(client.records_delete(name, 0, 2).await.unwrap(), 2);
    let earliest = client.offset_find(name, 0, OffsetAt::Earliest).await;
    assert_eq!(earliest.unwrap(), Some(2));
    let gone = client.records_fetch(name, 0, 1, 1 << 20, 0).await;
    assert_eq!(gone.unwrap_err().code(), Some(ErrorCode::OffsetOutOfRange));
}
