//! What a page of a list costs: with few and with many instances of the account, and with few beside another account's
//! many. Instances are put directly into the store.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccountId, InstanceId, OrderId, base36};
use brokerage_domain::instance::{Instance, Phase, Want};
use brokerage_domain::listing::Listing;
use brokerage_domain::order::{LineState, Order, OrderKind};
use brokerage_store::account::account_by_name;
use brokerage_store::instance::{Attention, instance_insert, instance_owned_page};
use brokerage_store::order::{order_by_id, order_insert};
use brokerage_store::scan::Cursor;
use brokerage_store::{Durability, Store, StoreError};
use bytes::Bytes;
use clap::Args;
use clap::builder::ArgPredicate::IsPresent;
use xtask::{Server, Workspace};

use crate::calls::Caller;
use crate::first_message::{release_binary, server};
use crate::form::Form;
use crate::http::Connection;
use crate::stats::median_of;

/// Rows of one page.
const PAGE: u64 = 10;
/// Tags of each instance that AliKafka sold, and instances whose tags make a page of a thousand.
const TAGS: u64 = 20;
const TAGGED_PAGE: u64 = 1_000 / TAGS;
/// One of how many orders changed something, and of how many the money went back.
const ONE_CHANGE_IN: u64 = 10;
const ONE_GIVEN_BACK_IN: u64 = 10;
/// For so many calls of a page, one of a list that is walked through.
const CALLS_PER_WALK: usize = 50;
/// Instances that one transaction puts into the store.
const SLICE: u64 = 500;
/// The account of the sandbox.
const ACCOUNT: &str = "sandbox";
/// How each profile's instances are listed, as the dialects declare it.
const PROFILES: [(&str, Listing); 3] = [
    ("ckafka", Listing::ById),
    ("jdkafka", Listing::NewestFirst),
    ("alikafka", Listing::AvailableById),
];

/// The options of `bench lists`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Instances of the account where it has few.
    #[arg(long, default_value_t = 100)]
    few: u64,
    /// Instances of the account, or of the other one, where there are many.
    #[arg(
        long,
        default_value_t = 100_000,
        default_value_if("short", IsPresent, "1500")
    )]
    many: u64,
    /// Calls of each operation for each page; the median counts.
    #[arg(long, default_value_t = 301, default_value_if("short", IsPresent, "5"))]
    calls: usize,
    #[command(flatten)]
    form: Form,
    /// The binary to measure; without it the product is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// One request of a list, at an offset.
type Ask = fn(&Filled, u64) -> Result<Bytes>;

/// A paged list.
struct Paged {
    name: &'static str,
    /// Entries on a page.
    page: u64,
    /// One of how many instances or orders is in the list.
    every: u64,
    ask: Ask,
}

const fn paged(name: &'static str, ask: Ask) -> Paged {
    Paged {
        name,
        page: PAGE,
        every: 1,
        ask,
    }
}

/// The paged lists, and those of orders with each filter.
const LISTS: [Paged; 9] = [
    paged("DescribeInstances", |filled, offset| {
        filled.caller.ckafka_page("DescribeInstances", offset, PAGE)
    }),
    paged("DescribeInstancesDetail", |filled, offset| {
        filled
            .caller
            .ckafka_page("DescribeInstancesDetail", offset, PAGE)
    }),
    paged("describeInstances", |filled, offset| {
        filled.caller.jdkafka_page(offset / PAGE + 1, PAGE)
    }),
    paged("QueryAvailableInstances", |filled, offset| {
        filled.caller.bss_available(offset / PAGE + 1, PAGE)
    }),
    paged("QueryOrders", |filled, offset| {
        orders(filled, offset, ("ProductCode", "alikafka"))
    }),
    paged("QueryOrders PayAsYouGo", |filled, offset| {
        orders(filled, offset, ("SubscriptionType", "PayAsYouGo"))
    }),
    Paged {
        every: ONE_CHANGE_IN,
        ..paged("QueryOrders Upgrade", |filled, offset| {
            orders(filled, offset, ("OrderType", "Upgrade"))
        })
    },
    Paged {
        every: ONE_GIVEN_BACK_IN,
        ..paged("QueryOrders Cancelled", |filled, offset| {
            orders(filled, offset, ("PaymentStatus", "Cancelled"))
        })
    },
    Paged {
        page: TAGGED_PAGE,
        ..paged("ListTagResources", |filled, offset| {
            let before = offset.checked_sub(1).and_then(|n| usize::try_from(n).ok());
            let after = before.and_then(|before| filled.tagged.get(before));
            filled
                .caller
                .alikafka_tags(after.map_or("", String::as_str))
        })
    },
];

fn orders(filled: &Filled, offset: u64, filter: (&'static str, &str)) -> Result<Bytes> {
    filled.caller.bss_orders(offset / PAGE + 1, PAGE, filter)
}

/// A server with its instances.
struct Filled {
    server: Server,
    caller: std::sync::Arc<Caller>,
    /// Instances of the account in each profile.
    own: u64,
    /// Id and order of one of them that AliKafka sold.
    named: (String, String),
    /// Ids of all copies of it, sorted: they carry tags.
    tagged: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, settings: &Settings) -> Result<String> {
    settings.form.print();
    ensure!(settings.calls > 0, "at least one call");
    ensure!(
        settings.few >= 3 * PAGE && settings.many >= settings.few,
        "pages begin, stand in the middle and end"
    );
    println!(
        "client: signed requests, one kept HTTP/1.1 connection to each server, servers asked in turn"
    );
    println!(
        "load:   pages of {PAGE}, medians of {} calls; {} instances of the account, {}, and {PAGE} beside {} of another",
        settings.calls, settings.few, settings.many, settings.many
    );
    let binary = release_binary(workspace, settings.binary.as_deref())?;
    let fill = |name, own, others| filled(workspace, &binary, name, own, others);
    let mut few = fill("lists-few", settings.few, 0)?;
    let mut many = fill("lists-many", settings.many, 0)?;
    let mut beside = fill("lists-beside", PAGE, settings.many)?;
    let mut worst: f64 = 0.0;
    for Paged {
        name,
        page,
        every,
        ask,
    } in LISTS
    {
        let pages = |filled: &Filled| (filled.own / every / page).max(1);
        for (shown, place) in [("first", 0), ("middle", 1), ("last", 2)] {
            let calls = settings.calls;
            let (few, many) = in_turn(calls, [&mut few, &mut many], |filled| {
                ask(filled, (pages(filled) - 1) * place / 2 * page)
            })?;
            worst = worst.max(told(name, shown, few, many));
        }
        let (few, beside) = in_turn(settings.calls, [&mut few, &mut beside], |filled| {
            ask(filled, 0)
        })?;
        worst = worst.max(told(name, "beside another's", few, beside));
    }
    for (page, by) in [
        (
            "by InstanceId",
            Caller::alikafka_by_id as fn(&Caller, &str) -> _,
        ),
        ("by OrderId", Caller::alikafka_by_order),
    ] {
        let named = |filled: &Filled| match page {
            "by OrderId" => filled.named.1.clone(),
            _ => filled.named.0.clone(),
        };
        let (few, many) = in_turn(settings.calls, [&mut few, &mut many], |filled| {
            by(&filled.caller, &named(filled))
        })?;
        worst = worst.max(told("GetInstanceList", page, few, many));
    }
    let walked = walked(&many, settings.calls / CALLS_PER_WALK + 1)?;
    for filled in [&mut few, &mut many, &mut beside] {
        filled.server.stop()?;
    }
    Ok(format!("page_ratio={worst:.2} walk_ratio={walked:.2}"))
}

/// What the last page of a list costs that is walked through for a word, over what its first one costs.
fn walked(filled: &Filled, calls: usize) -> Result<f64> {
    let mut connection = Connection::open(filled.server.api())?;
    let mut times = [Vec::with_capacity(calls), Vec::with_capacity(calls)];
    for _ in 0..calls {
        for (times, offset) in times.iter_mut().zip([0, filled.own - PAGE]) {
            let request = filled.caller.ckafka_named("bench", offset, PAGE)?;
            let started = Instant::now();
            connection.exchange(&request)?;
            times.push(started.elapsed());
        }
    }
    let [mut first, mut last] = times;
    let first = median_of(&mut first, Ord::cmp).context("no call")?;
    let last = median_of(&mut last, Ord::cmp).context("no call")?;
    Ok(told("DescribeInstances a word", "first, last", first, last))
}

/// Prints the two medians; answers their ratio.
fn told(name: &str, page: &str, few: Duration, many: Duration) -> f64 {
    let ratio = many.as_secs_f64() / few.as_secs_f64();
    println!(
        "  {name:<24} {page:<17} {:>7.0} us, {:>7.0} us: {ratio:.2}",
        few.as_secs_f64() * 1e6,
        many.as_secs_f64() * 1e6
    );
    ratio
}

/// The median times of two servers that are asked in turn.
fn in_turn(
    calls: usize,
    servers: [&mut Filled; 2],
    request: impl Fn(&Filled) -> Result<Bytes>,
) -> Result<(Duration, Duration)> {
    let [first, second] = servers;
    // Opened here: a connection that waits while another store is filled is closed.
    let mut connections = [
        Connection::open(first.server.api())?,
        Connection::open(second.server.api())?,
    ];
    let mut times = [Vec::with_capacity(calls), Vec::with_capacity(calls)];
    for _ in 0..calls {
        let servers = [&*first, &*second].into_iter().zip(&mut connections);
        for ((filled, connection), times) in servers.zip(&mut times) {
            let request = request(filled)?;
            let started = Instant::now();
            connection.exchange(&request)?;
            times.push(started.elapsed());
        }
    }
    let [mut one, mut other] = times;
    let median = |times: &mut Vec<Duration>| median_of(times, Ord::cmp).context("no call");
    Ok((median(&mut one)?, median(&mut other)?))
}

/// A server whose store has `own` instances of the account in each profile, and `others` of another account.
fn filled(
    workspace: &Workspace,
    binary: &Path,
    name: &str,
    own: u64,
    others: u64,
) -> Result<Filled> {
    let mut server = server(workspace, binary.to_path_buf(), name, None)?;
    let caller = Caller::sandbox(server.api());
    let mut connection = Connection::open(server.api())?;
    for request in [
        caller.ckafka_order()?,
        caller.jdkafka_order()?,
        caller.alikafka_order()?,
    ] {
        connection.exchange(&request)?;
    }
    drop(connection);
    server.stop()?;
    let file = server.data().join("brokerage.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (named, tagged) = runtime.block_on(fill(&file, own, others))?;
    server.start_again()?;
    let caller = Caller::sandbox(server.api());
    Ok(Filled {
        server,
        caller,
        own,
        named,
        tagged,
    })
}

/// Copies what was bought of each profile until there are as many as wanted. Answers the id and the order of one that
/// AliKafka sold, and the ids of its copies, sorted.
async fn fill(file: &Path, own: u64, others: u64) -> Result<((String, String), Vec<String>)> {
    let store = Store::open_sqlite(file, Durability::Process)?;
    let account = store
        .read("account", |tx| -> Result<_, StoreError> {
            account_by_name(tx, ACCOUNT)
        })
        .await?
        .context("no account of the sandbox")?;
    let (mut named, mut tagged) = (None, Vec::new());
    for (profile, listing) in PROFILES {
        let (mut like, order) = bought(&store, &account.id, profile).await?;
        if profile == "alikafka" {
            named = Some((like.id.to_string(), order.id.to_string()));
            let tag = |number| (format!("key-{number:02}"), "value".to_owned());
            like.tags = (0..TAGS).map(tag).collect();
        }
        // One is there already.
        let ids = copies(&store, &like, &order, listing, &account.id, own - 1).await?;
        if profile == "alikafka" {
            tagged = ids;
            tagged.sort_unstable();
        }
        let another = AccountId::new("another");
        copies(&store, &like, &order, listing, &another, others).await?;
    }
    store.close().await;
    Ok((named.context("nothing of AliKafka")?, tagged))
}

async fn bought(
    store: &Store,
    account: &AccountId,
    profile: &'static str,
) -> Result<(Instance, Order)> {
    let account = account.clone();
    let found = store
        .read("bought", move |tx| -> Result<_, StoreError> {
            let instance = instance_owned_page(tx, &account, profile, (&Cursor::start(), 1))?
                .instances
                .into_iter()
                .next();
            let order = match &instance {
                Some(instance) => order_by_id(tx, &instance.order_id)?,
                None => None,
            };
            Ok(instance.zip(order))
        })
        .await?;
    found.with_context(|| format!("nothing of {profile} was bought"))
}

async fn copies(
    store: &Store,
    like: &Instance,
    order: &Order,
    listing: Listing,
    account: &AccountId,
    count: u64,
) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for begin in (0..count).step_by(usize::try_from(SLICE)?) {
        let rows: Vec<(Instance, Order)> = (begin..count.min(begin + SLICE))
            .map(|number| copy(like, order, account, number))
            .collect();
        ids.extend(rows.iter().map(|(instance, _)| instance.id.to_string()));
        store
            .write("copies", move |tx| -> Result<_, StoreError> {
                for (instance, order) in &rows {
                    order_insert(tx, order)?;
                    instance_insert(tx, instance, Attention::Settled, listing)?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(ids)
}

/// A copy that nobody has started, made some seconds earlier; ids of neighbours stand far apart.
fn copy(like: &Instance, order: &Order, account: &AccountId, number: u64) -> (Instance, Order) {
    const SPREAD: u64 = 1_000_000_007;
    let letters = base36(number.wrapping_mul(SPREAD) % 2_821_109_907_456, 8);
    let owner: String = account.as_str().chars().take(2).collect();
    // In the form that the vendor gives its ids: all but the last letters of one.
    let form = like.id.as_str();
    let begin = form.rfind('-').map_or(0, |dash| dash + 1);
    let id = format!("{}{owner}{letters}", &form[..begin]);
    let earlier = i64::try_from(number).unwrap_or_default() + 1;
    let created_at: Moment = like.created_at.plus_seconds(-earlier);
    let mut order = order.clone();
    order.id = OrderId::new(format!("{}-{owner}{letters}", order.id));
    order.account_id = account.clone();
    order.created_at = created_at;
    if number % ONE_CHANGE_IN == 3 {
        order.kind = OrderKind::Resize;
    }
    for line in &mut order.lines {
        line.instance_id = InstanceId::new(&id);
        line.state = match number % ONE_GIVEN_BACK_IN {
            7 => LineState::Cancelled,
            _ => LineState::Delivered,
        };
    }
    let instance = Instance {
        id: InstanceId::new(id),
        account_id: account.clone(),
        order_id: order.id.clone(),
        phase: Phase::AwaitingStart,
        want: Want::Nothing,
        slots: Vec::new(),
        created_at,
        revision: 0,
        ..like.clone()
    };
    (instance, order)
}
