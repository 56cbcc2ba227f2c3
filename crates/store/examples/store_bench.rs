//! Measures the store alone: durable orders a second, with 1, 16 and 64 concurrent callers.
//!
//! ```text
//! cargo run --release -p brokerage-store --example store_bench [-- DIRECTORY | --postgres URL]
//! ```
//!
//! One order is seven statements: nonce, client token, reservation of money under a WHERE rule, transfer, order, line,
//! answer bound to the token. SQLite commits with `synchronous=FULL`; PostgreSQL as its server is set. The directory
//! should lie on the disk that is to be measured, not in memory. The figures are medians of [`RUNS`] runs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use brokerage_store::idempotency::{Begin, TokenKey, idempotency_begin};
use brokerage_store::nonce::nonce_insert;
use brokerage_store::{Durability, Store, StoreError, Tx, params};
use secrecy::SecretString;

const CALLERS: [usize; 3] = [1, 16, 64];

/// Runs of each measurement; the median counts.
const RUNS: usize = 3;

/// How long one run takes.
const RUN_TIME: Duration = Duration::from_secs(2);

/// Connections to PostgreSQL.
const POSTGRES_CONNECTIONS: usize = 16;

const BALANCE: i64 = 1_000_000_000_000_000;

mod sql {
    brokerage_store::statements! {
        pub DROP = "DROP TABLE IF EXISTS bench_purse";
        pub DROP_TRANSFER = "DROP TABLE IF EXISTS bench_transfer";
        pub DROP_ORDER = "DROP TABLE IF EXISTS bench_order";
        pub DROP_LINE = "DROP TABLE IF EXISTS bench_line";
        pub CREATE_PURSE = "CREATE TABLE bench_purse (id BIGINT PRIMARY KEY, \
            available BIGINT NOT NULL CHECK (available >= 0), held BIGINT NOT NULL)";
        pub CREATE_TRANSFER = "CREATE TABLE bench_transfer (id TEXT PRIMARY KEY, purse_id BIGINT NOT NULL, \
            amount BIGINT NOT NULL, at_us BIGINT NOT NULL)";
        pub CREATE_ORDER = "CREATE TABLE bench_order (id TEXT PRIMARY KEY, purse_id BIGINT NOT NULL, \
            plan TEXT NOT NULL, state TEXT NOT NULL, at_us BIGINT NOT NULL)";
        pub CREATE_LINE = "CREATE TABLE bench_line (order_id TEXT NOT NULL, line BIGINT NOT NULL, \
            instance_id TEXT NOT NULL, PRIMARY KEY (order_id, line))";
        pub INSERT_PURSE = "INSERT INTO bench_purse (id, available, held) VALUES ($1, $2, 0)";
        pub RESERVE = "UPDATE bench_purse SET available = available - $2, held = held + $2 \
            WHERE id = $1 AND available >= $2";
        pub INSERT_TRANSFER = "INSERT INTO bench_transfer (id, purse_id, amount, at_us) VALUES ($1, $2, $3, $4)";
        pub INSERT_ORDER = "INSERT INTO bench_order (id, purse_id, plan, state, at_us) \
            VALUES ($1, $2, $3, 'placed', $4)";
        pub INSERT_LINE = "INSERT INTO bench_line (order_id, line, instance_id) VALUES ($1, 0, $2)";
        pub COUNT = "SELECT COUNT(*) FROM bench_order";
    }
}

fn order_place(tx: &mut dyn Tx, run: &str, number: u64, at_us: i64) -> Result<(), StoreError> {
    let id = format!("{run}-{number:020}");
    let key = TokenKey {
        account_id: "1".to_owned(),
        operation: "order".to_owned(),
        token: id.clone(),
    };
    nonce_insert(tx, "key", &id, at_us)?;
    if let Begin::Fresh(claim) = idempotency_begin(tx, &key, &[7; 32], at_us, i64::MAX)? {
        assert_eq!(
            tx.execute(&sql::RESERVE, params![1_i64, 1_000_i64])?,
            1,
            "there is money for all"
        );
        tx.execute(&sql::INSERT_TRANSFER, params![&id, 1_i64, 1_000_i64, at_us])?;
        tx.execute(
            &sql::INSERT_ORDER,
            params![&id, 1_i64, "alikafka.hw.2xlarge", at_us],
        )?;
        tx.execute(&sql::INSERT_LINE, params![&id, &id])?;
        claim.bind(tx, &id)?;
    }
    Ok(())
}

/// Orders a second, and the latency that 99 of 100 stay under.
struct Figures {
    orders_per_s: u64,
    p99: Duration,
}

async fn measure(store: &Store, run: &str, callers: usize) -> anyhow::Result<Figures> {
    let numbers = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (store, numbers, run) = (store.clone(), Arc::clone(&numbers), run.to_owned());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while begun.elapsed() < RUN_TIME {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let at_us = i64::try_from(number).unwrap_or(i64::MAX);
                    let run = run.clone();
                    let asked = Instant::now();
                    store
                        .write("order_place", move |tx| {
                            order_place(tx, &run, number, at_us)
                        })
                        .await?;
                    latencies.push(asked.elapsed());
                }
                Ok::<_, StoreError>(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.context("a caller panicked")??);
    }
    let elapsed = begun.elapsed();
    latencies.sort();
    Ok(Figures {
        orders_per_s: u64::try_from(latencies.len() as u128 * 1_000_000 / elapsed.as_micros())?,
        p99: latencies
            .get(latencies.len() * 99 / 100)
            .copied()
            .unwrap_or_default(),
    })
}

async fn prepare(store: &Store) -> Result<(), StoreError> {
    store
        .write("prepare", |tx| {
            for statement in [
                &sql::DROP,
                &sql::DROP_TRANSFER,
                &sql::DROP_ORDER,
                &sql::DROP_LINE,
                &sql::CREATE_PURSE,
                &sql::CREATE_TRANSFER,
                &sql::CREATE_ORDER,
                &sql::CREATE_LINE,
            ] {
                tx.execute(statement, &[])?;
            }
            tx.execute(&sql::INSERT_PURSE, params![1_i64, BALANCE])
                .map(drop)
        })
        .await
}

async fn run(store: &Store, name: &str) -> anyhow::Result<()> {
    prepare(store).await?;
    let mut result = format!("result: backend={name}");
    for callers in CALLERS {
        let mut runs = Vec::new();
        for number in 0..RUNS {
            runs.push(
                measure(
                    store,
                    &format!("{}-{callers}-{number}", std::process::id()),
                    callers,
                )
                .await?,
            );
        }
        runs.sort_by_key(|figures| figures.orders_per_s);
        let Some(Figures { orders_per_s, p99 }) = runs.get(RUNS / 2) else {
            bail!("no run")
        };
        let p99_ms = p99.as_micros() / 10;
        let p99_ms = format!("{}.{:02}", p99_ms / 100, p99_ms % 100);
        println!("{name}: {callers:2} callers: {orders_per_s:6} orders/s, p99 {p99_ms} ms");
        result += &format!(" orders_per_s_c{callers}={orders_per_s} p99_ms_c{callers}={p99_ms}");
    }
    let orders = store
        .read("count", |tx| -> Result<_, StoreError> {
            tx.query_first(&sql::COUNT, &[])?
                .map_or(Ok(0), |row| row.int(0))
        })
        .await?;
    println!("{orders} orders are in the database");
    println!("{result}");
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let own = tempfile::tempdir()?;
    let (store, name) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => (open_sqlite(own.path())?, "sqlite"),
        ["--postgres", url] => {
            let url = SecretString::from(url);
            (
                Store::open_postgres(&url, POSTGRES_CONNECTIONS)?,
                "postgres",
            )
        }
        [directory] => (open_sqlite(Path::new(directory))?, "sqlite"),
        _ => bail!("usage: store_bench [DIRECTORY | --postgres URL]"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        run(&store, name).await?;
        store.close().await;
        Ok(())
    })
}

fn open_sqlite(directory: &Path) -> Result<Store, StoreError> {
    Store::open_sqlite(&directory.join("store_bench.db"), Durability::Power)
}
