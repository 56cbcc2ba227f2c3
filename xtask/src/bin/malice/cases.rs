//! The table of cases. A new one is a function and a row here.

mod connections;
mod kept;
mod records;
mod requests;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use crate::random;
use crate::target::{Bought, NEWEST, Target};

/// What the requests of one cluster may hold: less than a tenant takes in all.
const HELD_BYTES_MAX: u64 = 56 << 20;

/// What is attacked, and how long.
pub(crate) struct Attack<'a> {
    pub(crate) target: &'a Target,
    pub(crate) victim: &'a Bought,
    pub(crate) time: Duration,
    pub(crate) seed: u64,
}

/// One attack.
pub(crate) struct Case {
    /// What `--only` takes.
    pub(crate) name: &'static str,
    /// What is done.
    pub(crate) about: &'static str,
    /// The release of the cluster; none: CKafka's, with messages of 12 MiB.
    pub(crate) version: Option<&'static str>,
    /// Connections that it keeps open.
    pub(crate) connections: u64,
    pub(crate) run: fn(&Attack<'_>) -> Result<()>,
}

const fn case(
    name: &'static str,
    about: &'static str,
    connections: u64,
    run: fn(&Attack<'_>) -> Result<()>,
) -> Case {
    Case {
        name,
        about,
        version: Some(NEWEST),
        connections,
        run,
    }
}

/// Every case, in order.
pub(crate) const CASES: &[Case] = &[
    case(
        "acl-texts",
        "ACLs with long names, as many as are taken",
        8,
        kept::acl_texts,
    ),
    case(
        "batch-bombs",
        "batches of all codecs that unpack to 60 MiB, into a compacted topic too",
        12,
        records::bombs,
    ),
    case(
        "batch-windows",
        "zstd frames that want a window of 128 MiB",
        8,
        records::windows,
    ),
    case(
        "config-texts",
        "settings of topics and groups as long as they may be",
        8,
        kept::config_texts,
    ),
    case(
        "configs-repeated",
        "DescribeConfigs of one topic 40,000 times",
        8,
        requests::configs_repeated,
    ),
    case(
        "fetch-sessions",
        "fetch sessions of 10,000 partitions that are not there",
        64,
        kept::fetch_sessions,
    ),
    case(
        "fetch-waits",
        "fetches of 10,000 partitions that wait",
        64,
        requests::fetch_waits,
    ),
    case(
        "frames-half",
        "requests of 24 and of 99 MiB whose last byte does not come",
        64,
        connections::frames_half,
    ),
    case("group-ids", "groups with ids of 32 KB", 8, kept::group_ids),
    case(
        "group-members",
        "members with metadata of 1 MiB, in many groups",
        64,
        kept::group_members,
    ),
    case(
        "idle",
        "connections that say one byte each",
        1_000,
        connections::idle,
    ),
    Case {
        name: "messages-largest",
        about: "no attack: four clients with messages of 12 MiB, which are taken",
        version: None,
        connections: 4,
        run: records::largest,
    },
    case(
        "offset-metadata",
        "committed offsets with metadata of 4,096 characters",
        8,
        kept::offset_metadata,
    ),
    case(
        "offsets-repeated",
        "OffsetCommit of one partition 5,000 times, with a long group id",
        8,
        requests::offsets_repeated,
    ),
    case(
        "patterns",
        "subscriptions by patterns that take long",
        8,
        requests::patterns,
    ),
    Case {
        name: "produce-pipelined",
        about: "requests to produce 12 MiB, many at once, whose answers nobody reads",
        version: None,
        connections: 16,
        run: records::pipelined,
    },
    case(
        "quota-names",
        "client quotas for long names",
        8,
        kept::quota_names,
    ),
    case(
        "random",
        "random requests of every API, up to 1 MB",
        16,
        everything,
    ),
    case(
        "timestamps-repeated",
        "ListOffsets by time in a batch that takes long to unpack; clients go at once",
        8,
        requests::timestamps_repeated,
    ),
    case(
        "transactional-ids",
        "transactional ids of 32 KB, and of 20 MB",
        8,
        kept::transactional_ids,
    ),
    case(
        "unread",
        "large answers that nobody reads",
        64,
        connections::unread,
    ),
];

fn everything(attack: &Attack<'_>) -> Result<()> {
    random::flood(attack.victim, u64::MAX, attack.seed, Some(attack.time))
}

/// Runs so many clients at once, each until the time is up.
fn at_once(
    attack: &Attack<'_>,
    clients: usize,
    client: impl Fn(usize, Instant) -> Result<()> + Sync,
) -> Result<()> {
    let deadline = Instant::now() + attack.time;
    std::thread::scope(|scope| {
        let client = &client;
        let clients: Vec<_> = (0..clients)
            .map(|at| scope.spawn(move || client(at, deadline)))
            .collect();
        clients
            .into_iter()
            .try_for_each(|client| client.join().map_err(|_| anyhow!("a client panicked"))?)
    })
}

/// Keeps what is open for as long as the attack takes. The server knows what it holds meanwhile.
fn hold<T>(attack: &Attack<'_>, open: T) -> Result<()> {
    std::thread::sleep(attack.time);
    let held = attack.target.held_bytes()?;
    ensure!(held <= HELD_BYTES_MAX, "{held} bytes are held");
    drop(open);
    Ok(())
}
