//! How much the store grows when everybody buys and deletes every day: two months of business time pass, on a control plane
//! whose clock is moved and whose engine runs no Kafka. The first fills what is kept for a while; the second adds what stays
//! for ever, orders, lines and transfers. Its result is checked: more than [`BYTES_PER_PURCHASE_MAX`] is an error.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use brokerage_control::audit::AUDIT_DAYS;
use brokerage_control::instance::AfterRelease;
use brokerage_control::network::PlacementRequest;
use brokerage_control::order::{NewInstance, OrderRequest};
use brokerage_control::{Call, Context};
use brokerage_domain::account::Account;
use brokerage_domain::catalog::{Plan, PlanRequest};
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::{InstanceId, NetworkId, OrderId, SubnetId};
use brokerage_domain::instance::{PrepaidRelease, ReleaseTerms, Tags};
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::notes::Notes;
use brokerage_domain::order::{Charge, Payment};
use brokerage_store::audit::{Pruned, SEAL_ROWS_MAX, audit_prune, audit_seal};
use brokerage_store::idempotency::{self, idempotency_prune};
use brokerage_store::nonce::{self, nonce_prune};
use brokerage_store::timer::timer_due;
use brokerage_store::{Durability, Store, StoreError};
use brokerage_testkit::{Plane, PlaneOptions};
use clap::Args;
use clap::builder::ArgPredicate::IsPresent;
use xtask::Workspace;

use crate::form::Form;

/// What a purchase of the second month may add to the database, in bytes.
const BYTES_PER_PURCHASE_MAX: f64 = 2_048.0;
const DAY_S: i64 = 24 * 3_600;
const REGION: &str = "ap-guangzhou";
const ZONE: &str = "100003";
/// Money of each account, in whole units: more than two months cost.
const MONEY_UNITS: i64 = 100_000;
/// Looks at what the background does, before it is given up.
const LOOKS_MAX: u32 = 1_000_000;

/// The options of `bench months`.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Accounts that buy and delete a cluster every day.
    #[arg(
        long,
        default_value_t = 1_000,
        default_value_if("short", IsPresent, "25")
    )]
    accounts: usize,
    /// Days of a month.
    #[arg(long, default_value_t = 30)]
    days: u32,
    #[command(flatten)]
    form: Form,
}

pub(crate) fn run(workspace: &Workspace, settings: &Settings) -> Result<String> {
    settings.form.print();
    println!(
        "load:   {} accounts, each buys a cluster with a nonce and deletes it, every day of two months of {} days",
        settings.accounts, settings.days
    );
    let file = workspace.scratch("bench-months")?.join("brokerage.sqlite");
    for stale in ["", "-wal", "-shm"] {
        let mut path = file.clone().into_os_string();
        path.push(stale);
        if Path::new(&path).exists() {
            std::fs::remove_file(&path)?;
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let first = runtime.block_on(month(&file, settings, 0))?;
    let second = runtime.block_on(month(&file, settings, 1))?;
    let purchases = settings.accounts as u64 * u64::from(settings.days);
    let per_purchase = second.saturating_sub(first) as f64 / purchases as f64;
    println!("store:  {first} bytes after the first month, {second} after the second");
    ensure!(
        per_purchase <= BYTES_PER_PURCHASE_MAX,
        "a purchase adds {per_purchase:.0} bytes for ever, more than {BYTES_PER_PURCHASE_MAX}"
    );
    Ok(format!(
        "bytes_per_purchase={per_purchase:.0} purchases={purchases} first_month_bytes={first}"
    ))
}

/// A month; answers how large the closed database is at its end.
async fn month(file: &Path, settings: &Settings, number: u32) -> Result<u64> {
    let store = Store::open_sqlite(file, Durability::Process)?;
    let default = PlaneOptions::default();
    let begins = i64::from(number) * i64::from(settings.days) * DAY_S;
    let plane = Plane::start(PlaneOptions {
        beginning: default.beginning.plus_seconds(begins),
        store: Some(store.clone()),
        seed: u64::from(number) + 1,
        ..default
    })
    .await;
    let accounts = accounts(&plane, settings.accounts).await?;
    let plan = plan(&plane)?;
    for day in 0..settings.days {
        let serial = u64::from(number * settings.days + day) * settings.accounts as u64;
        for (at, account) in (serial..).zip(&accounts) {
            buy(&plane, account, &plan, at).await?;
        }
        comes_to_rest(&plane, "running").await?;
        for (at, account) in (serial..).zip(&accounts) {
            release(&plane, account, at).await?;
        }
        comes_to_rest(&plane, "").await?;
        let tomorrow = plane.control.real_now().plus_seconds(DAY_S);
        plane.clock.set(tomorrow);
        housekeeping(&plane, &store).await?;
    }
    plane.assert_ledger().await;
    plane.control.background_stop().await;
    store.close().await;
    Ok(std::fs::metadata(file)?.len())
}

async fn accounts(plane: &Plane, count: usize) -> Result<Vec<Account>> {
    let control = &plane.control;
    for number in 0..count {
        let name = format!("buyer-{number}");
        if control.account_view(&name).await.is_ok() {
            continue;
        }
        let account = control.account_create(&name).await?;
        let money = Money::from_units(MONEY_UNITS)?;
        control
            .account_top_up(&account.id, money, Currency::Cny, "1")
            .await?;
    }
    let mut all = control.account_list().await?;
    all.retain(|account| account.name.starts_with("buyer-"));
    Ok(all)
}

fn plan(plane: &Plane) -> Result<Plan> {
    let request = PlanRequest {
        region: REGION.into(),
        zones: vec![ZONE.into()],
        bandwidth_mbps: Some(20),
        partitions: Some(400),
        disk_gb: Some(200),
        ..PlanRequest::default()
    };
    Ok(plane.control.catalog("ckafka")?.plan(&request)?)
}

async fn context(plane: &Plane, account: &Account) -> Context {
    let mut cx = plane.context("ckafka", REGION).await;
    cx.principal.account_id = account.id.clone();
    cx.principal.account_number = account.number;
    cx
}

/// An id as long as the vendor's.
fn instance_id(serial: u64) -> InstanceId {
    InstanceId::new(format!("ckafka-{serial:08}"))
}

async fn buy(plane: &Plane, account: &Account, plan: &Plan, serial: u64) -> Result<()> {
    let request = OrderRequest {
        order_id: OrderId::new(format!("{serial:023}")),
        instances: vec![NewInstance {
            id: instance_id(serial),
            name: format!("daily-{serial}"),
        }],
        plan: plan.clone(),
        charge: Charge::Postpaid,
        payment: Payment::OnDelivery,
        placement: Some(PlacementRequest {
            network_id: NetworkId::new("vpc-1"),
            subnet_id: SubnetId::new("subnet-1"),
            zones: vec![ZONE.into()],
        }),
        start: true,
        settings: ClusterSettings::default(),
        notes: Notes::default(),
        tags: Tags::new(),
        token: None,
    };
    let cx = context(plane, account).await;
    let call = Call::new(cx, Some(format!("buy-{serial:032}")));
    plane.control.order_place(call, request).await?;
    Ok(())
}

async fn release(plane: &Plane, account: &Account, serial: u64) -> Result<()> {
    let terms = ReleaseTerms {
        prepaid: PrepaidRelease::Permitted,
        under_way: true,
    };
    let cx = context(plane, account).await;
    let call = Call::new(cx, Some(format!("release-{serial:032}")));
    plane
        .control
        .instance_release(call, &instance_id(serial), AfterRelease::Gone, terms)
        .await?;
    Ok(())
}

/// Waits until every instance that is there is in a phase; with no phase, until there is none.
async fn comes_to_rest(plane: &Plane, phase: &str) -> Result<()> {
    for _ in 0..LOOKS_MAX {
        let all = plane.control.instance_list_all().await?;
        let mut all = all.iter().flatten();
        if all.all(|instance| instance.phase.word() == phase) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    anyhow::bail!("the background does not come to rest")
}

/// What the background would do in a day.
async fn housekeeping(plane: &Plane, store: &Store) -> Result<()> {
    let now = plane.control.real_now();
    let before = |seconds: i64| now.plus_seconds(-seconds).micros();
    let (day_us, audit_us) = (before(DAY_S), before(AUDIT_DAYS * DAY_S));
    while store.write("seal", audit_seal).await? == SEAL_ROWS_MAX as usize {}
    loop {
        let pruned = store.write("prune", move |tx| audit_prune(tx, audit_us));
        match pruned.await? {
            Pruned::Rows(rows) if rows < SEAL_ROWS_MAX as u64 => break,
            Pruned::Rows(_) => {}
            Pruned::Broken { sequence } => anyhow::bail!("the chain is broken at {sequence}"),
        }
    }
    let full = nonce::PRUNE_ROWS_MAX as u64;
    while store
        .write("nonces", move |tx| nonce_prune(tx, day_us))
        .await?
        == full
    {}
    let full = idempotency::PRUNE_ROWS_MAX as u64;
    while store
        .write("tokens", move |tx| idempotency_prune(tx, day_us))
        .await?
        == full
    {}
    for _ in 0..LOOKS_MAX {
        let due = store.read("due", move |tx| -> Result<_, StoreError> {
            timer_due(tx, now)
        });
        if due.await.context("timers")?.is_empty() {
            return Ok(());
        }
        plane.control.task_wake("timers");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    anyhow::bail!("timers stay due")
}
