//! Sessions against a plain model, and the rules of eviction.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;

fn key(partition: i32) -> PartitionKey {
    PartitionKey {
        topic: TopicKey::Name("t".into()),
        partition,
    }
}

fn wanted(partition: i32, offset: i64) -> Wanted {
    Wanted {
        key: key(partition),
        position: Position {
            offset,
            max_bytes: 1,
            leader_epoch: -1,
            last_fetched_epoch: -1,
        },
        name: None,
    }
}

fn request(session_id: i32, epoch: i32, partitions: &[i32]) -> SessionRequest {
    SessionRequest {
        session_id,
        epoch,
        has_ids: false,
        wanted: partitions.iter().map(|at| wanted(*at, 0)).collect(),
        forgotten: Vec::new(),
    }
}

const QUIET: Seen = Seen {
    has_records: false,
    high_watermark: 0,
    log_start_offset: 0,
    is_error: false,
    is_redirect: false,
};

/// A broker with a clock, and ids that count up.
#[derive(Default)]
struct Bench {
    sessions: FetchSessions,
    next_id: Cell<i32>,
}

impl Bench {
    /// Fetches, with every partition in the state that `state` says. Returns the session and the partitions
    /// of the answer.
    fn fetch(
        &self,
        request: SessionRequest,
        now_ms: i64,
        state: impl Fn(i32) -> Seen,
    ) -> Result<(i32, Vec<i32>), ErrorCode> {
        let (context, wanted) = self.sessions.begin(request, now_ms, |_| None)?;
        let answers = wanted
            .into_iter()
            .map(|wanted| {
                let seen = state(wanted.key.partition);
                (wanted, seen)
            })
            .collect();
        let chance = || {
            self.next_id.set(self.next_id.get() + 1);
            self.next_id.get()
        };
        let (id, told) = self
            .sessions
            .finish(context, answers, now_ms, |seen| *seen, chance)?;
        let told = told.iter().map(|(wanted, _)| wanted.key.partition);
        Ok((id, told.collect()))
    }

    fn open(&self, partitions: &[i32], now_ms: i64) -> i32 {
        self.fetch(request(0, 0, partitions), now_ms, |_| QUIET)
            .unwrap()
            .0
    }

    fn go_on(&self, id: i32, epoch: i32, now_ms: i64) -> Result<(i32, Vec<i32>), ErrorCode> {
        self.fetch(request(id, epoch, &[]), now_ms, |_| QUIET)
    }
}

#[test]
fn a_session_goes_on_by_its_epochs_only() {
    let bench = Bench::default();
    let id = bench.open(&[0], 0);
    assert_ne!(id, NO_SESSION);
    assert_eq!(
        bench.go_on(id, 2, 0),
        Err(ErrorCode::InvalidFetchSessionEpoch)
    );
    assert_eq!(bench.go_on(id, 1, 0), Ok((id, vec![])));
    assert_eq!(
        bench.go_on(id, 1, 0),
        Err(ErrorCode::InvalidFetchSessionEpoch)
    );
    assert_eq!(bench.go_on(id, 2, 0), Ok((id, vec![])));
    for unknown in [0, id + 1] {
        let refused = bench.go_on(unknown, 3, 0);
        assert_eq!(refused, Err(ErrorCode::FetchSessionIdNotFound));
    }
    let mut by_id = request(id, 3, &[]);
    by_id.has_ids = true;
    let refused = bench.fetch(by_id, 0, |_| QUIET);
    assert_eq!(refused, Err(ErrorCode::FetchSessionTopicIdError));
    assert_eq!(bench.go_on(id, EPOCH_FINAL, 0), Ok((NO_SESSION, vec![])));
    assert_eq!(
        bench.go_on(id, 3, 0),
        Err(ErrorCode::FetchSessionIdNotFound)
    );
}

#[test]
fn an_answer_that_was_overtaken_is_refused() {
    let bench = Bench::default();
    let id = bench.open(&[0], 0);
    let (first, _) = bench
        .sessions
        .begin(request(id, 1, &[]), 0, |_| None)
        .unwrap();
    assert_eq!(bench.go_on(id, 2, 0), Ok((id, vec![])));
    let late = bench
        .sessions
        .finish(first, Vec::<(Wanted, Seen)>::new(), 0, |seen| *seen, || 9);
    assert_eq!(late.unwrap_err(), ErrorCode::InvalidFetchSessionEpoch);
}

#[test]
fn a_session_without_partitions_ends() {
    let bench = Bench::default();
    let id = bench.open(&[0, 1], 0);
    let mut forget = request(id, 1, &[]);
    forget.forgotten = vec![key(0), key(1)];
    assert_eq!(bench.fetch(forget, 0, |_| QUIET), Ok((NO_SESSION, vec![])));
    assert_eq!(
        bench.go_on(id, 2, 0),
        Err(ErrorCode::FetchSessionIdNotFound)
    );
}

#[test]
fn epochs_wrap_to_one() {
    assert_eq!(next_epoch(i32::MAX), 1);
}

#[test]
fn a_full_table_makes_room_for_the_stale_and_for_larger_ones_only() {
    let bench = Bench::default();
    let ids: Vec<i32> = (0..SESSIONS_MAX).map(|_| bench.open(&[0, 1], 0)).collect();
    assert!(ids.iter().all(|id| *id != NO_SESSION));
    assert_eq!(bench.open(&[0, 1, 2], 0), NO_SESSION, "all are young");
    // All were used long after they were made.
    let later = EVICTION_MS + 1;
    for id in &ids {
        bench.go_on(*id, 1, later).unwrap();
    }
    assert_eq!(bench.open(&[0], later), NO_SESSION, "smaller");
    assert_eq!(bench.open(&[0, 1], later), NO_SESSION, "as large");
    assert_ne!(bench.open(&[0, 1, 2], later), NO_SESSION, "larger");
    let gone = ids.iter().filter(|id| bench.go_on(**id, 2, later).is_err());
    assert_eq!(
        gone.collect::<Vec<_>>(),
        [&ids[0]],
        "the least of the smallest"
    );
    assert_ne!(
        bench.open(&[0], later + EVICTION_MS + 1),
        NO_SESSION,
        "stale"
    );
}

#[test]
fn sessions_of_one_cluster_have_a_bound_in_bytes() {
    let bench = Bench::default();
    let many: Vec<i32> = (0..10_000).collect();
    let made = (0..20)
        .filter(|_| bench.open(&many, 0) != NO_SESSION)
        .count();
    let bytes = bench.sessions.0.lock().bytes;
    assert!((1..20).contains(&made), "{made}");
    assert!(
        bytes <= SESSIONS_BYTES_MAX && bytes > SESSIONS_BYTES_MAX / 2,
        "{bytes}"
    );
    // One that grows beyond the bound has to start again.
    let bench = Bench::default();
    let id = bench.open(&[0], 0);
    let all: Vec<i32> = (0..100_000).collect();
    let refused = bench.fetch(request(id, 1, &all), 0, |_| QUIET);
    assert_eq!(refused, Err(ErrorCode::FetchSessionIdNotFound));
    assert_eq!(bench.sessions.0.lock().bytes, 0);
}

/// What happens between two requests, and what the next one says.
#[derive(Debug, Clone)]
struct Step {
    named: Vec<i32>,
    forgotten: Vec<i32>,
    /// Partition, what is true of it from now on.
    changes: Vec<(i32, Seen)>,
}

const PARTITIONS: i32 = 6;

fn step() -> impl Strategy<Value = Step> {
    let seen = (any::<bool>(), 0..3i64, 0..2i64, 0..8u8).prop_map(
        |(has_records, high_watermark, log_start_offset, rare)| Seen {
            has_records: has_records && rare != 0,
            high_watermark: if rare == 0 { -1 } else { high_watermark },
            log_start_offset: if rare == 0 { -1 } else { log_start_offset },
            is_error: rare == 0,
            is_redirect: rare == 1,
        },
    );
    (
        proptest::collection::vec(0..PARTITIONS, 0..3),
        proptest::collection::vec(0..PARTITIONS, 0..2),
        proptest::collection::vec((0..PARTITIONS, seen), 0..4),
    )
        .prop_map(|(named, forgotten, changes)| Step {
            named,
            forgotten,
            changes,
        })
}

/// The session as a list: partition, high watermark and start of the log that the consumer was last sent.
#[derive(Default)]
struct Model(Vec<(i32, i64, i64)>);

impl Model {
    fn apply(&mut self, step: &Step) {
        for named in &step.named {
            if !self.0.iter().any(|(partition, ..)| partition == named) {
                self.0.push((*named, -1, -1));
            }
        }
        self.0
            .retain(|(partition, ..)| !step.forgotten.contains(partition));
    }

    fn update(&mut self, state: &[Seen]) -> Vec<i32> {
        let (mut told, mut quiet, mut served) = (Vec::new(), Vec::new(), Vec::new());
        for (partition, high_watermark, log_start) in self.0.drain(..) {
            let seen = state[partition as usize];
            let has_news = seen.has_records
                || seen.is_error
                || seen.is_redirect
                || (seen.high_watermark, seen.log_start_offset) != (high_watermark, log_start);
            if has_news {
                told.push(partition);
            }
            let known = if seen.is_error {
                -1
            } else {
                seen.high_watermark
            };
            let entry = (partition, known, seen.log_start_offset);
            if seen.has_records {
                &mut served
            } else {
                &mut quiet
            }
            .push(entry);
        }
        self.0 = quiet;
        self.0.extend(served);
        told
    }
}

proptest! {
    #[test]
    fn a_session_tells_what_the_model_tells_in_its_order(steps in proptest::collection::vec(step(), 1..40)) {
        let bench = Bench::default();
        let mut state = vec![QUIET; PARTITIONS as usize];
        let mut model = Model::default();
        let (mut id, mut epoch) = (NO_SESSION, EPOCH_INITIAL);
        for step in steps {
            for (partition, seen) in &step.changes {
                state[*partition as usize] = *seen;
            }
            let mut asked = request(id, epoch, &step.named);
            asked.forgotten = step.forgotten.iter().map(|at| key(*at)).collect();
            let answer = bench.fetch(asked, 0, |at| state[at as usize]).unwrap();
            if epoch == EPOCH_INITIAL {
                // Everything that was named is answered, and nothing is forgotten yet.
                prop_assert_eq!(&answer.1, &step.named);
                let all = Step { forgotten: Vec::new(), ..step };
                model = Model::default();
                model.apply(&all);
                for (partition, high_watermark, log_start) in &mut model.0 {
                    *high_watermark = state[*partition as usize].high_watermark;
                    *log_start = state[*partition as usize].log_start_offset;
                }
                (id, epoch) = (answer.0, 1);
                continue;
            }
            model.apply(&step);
            if model.0.is_empty() {
                prop_assert_eq!(answer, (NO_SESSION, step.named));
                (id, epoch) = (NO_SESSION, EPOCH_INITIAL);
                continue;
            }
            prop_assert_eq!(answer, (id, model.update(&state)));
            epoch = next_epoch(epoch);
        }
    }
}
