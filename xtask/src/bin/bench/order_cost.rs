//! What CPU the server spends on an order, and on what: requests that end earlier and earlier show what each part
//! costs.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use xtask::{Server, Workspace};

use crate::calls::Caller;
use crate::cpu::{process_cpu, thread_cpu};
use crate::load::load_answered;
use crate::orders::{RUN_LIMIT, fresh_server};

/// Connections at once.
const CONNECTIONS: usize = 64;
/// The store's one thread that writes.
const STORE_THREAD: &str = "store-write";

/// Microseconds of CPU for one order.
#[derive(Debug)]
pub(crate) struct OrderCost {
    whole_us: f64,
    http_us: f64,
    signature_us: f64,
    rating_us: f64,
    store_us: f64,
}

impl OrderCost {
    pub(crate) fn result(&self) -> String {
        let Self {
            whole_us,
            http_us,
            signature_us,
            rating_us,
            store_us,
        } = self;
        format!(
            "cpu_us_per_order={whole_us:.0} cpu_us_http={http_us:.0} cpu_us_signature={signature_us:.0} \
             cpu_us_rating={rating_us:.0} cpu_us_store={store_us:.0}"
        )
    }
}

/// CPU of the server while it answered so many requests.
struct Spent {
    whole: Duration,
    store: Duration,
}

/// Sends the orders of one run three times: unsigned, signed but for a plan that is not sold, and as they should be.
pub(crate) fn order_cost(
    workspace: &Workspace,
    binary: &Path,
    warm_up: usize,
    count: usize,
) -> Result<OrderCost> {
    let mut server = fresh_server(workspace, binary)?;
    let caller = Caller::sandbox(server.api());
    let requests = |count: usize, one: &dyn Fn() -> Result<Bytes>| {
        (0..count).map(|_| one()).collect::<Result<Vec<_>>>()
    };
    let order = || caller.alikafka_order();
    spend(&server, 200, &requests(warm_up, &order)?)?;
    let unsigned = || caller.alikafka_order_unsigned();
    let http = spend(&server, 400, &requests(count, &unsigned)?)?;
    let unsold = || caller.alikafka_order_unsold();
    let signed = spend(&server, 400, &requests(count, &unsold)?)?;
    let ordered = spend(&server, 200, &requests(count, &order)?)?;
    server.stop()?;
    let us = |cpu: Duration| cpu.as_secs_f64() * 1e6 / count as f64;
    // The store's thread is counted apart: what it does meanwhile is of no part before it.
    let before_store_us = |spent: &Spent| us(spent.whole.saturating_sub(spent.store));
    let (http_us, signed_us) = (before_store_us(&http), before_store_us(&signed));
    let (whole_us, store_us) = (us(ordered.whole), us(ordered.store));
    let cost = OrderCost {
        whole_us,
        http_us,
        signature_us: signed_us - http_us,
        rating_us: before_store_us(&ordered) - signed_us,
        store_us,
    };
    println!(
        "  CPU an order at {CONNECTIONS} connections: {whole_us:.0} us: {http_us:.0} until a stranger is refused (HTTP, \
         route), {:.0} until a plan is refused (signature, replay, parameters, policies), {:.0} until it is given to \
         the store (plan, price, order), {store_us:.0} of the thread that writes",
        cost.signature_us, cost.rating_us
    );
    Ok(cost)
}

fn spend(server: &Server, status: u16, requests: &[Bytes]) -> Result<Spent> {
    let before = (
        process_cpu(server.id())?,
        thread_cpu(server.id(), STORE_THREAD)?,
    );
    load_answered(status, server.api(), requests, CONNECTIONS, RUN_LIMIT)?;
    Ok(Spent {
        whole: process_cpu(server.id())? - before.0,
        store: thread_cpu(server.id(), STORE_THREAD)? - before.1,
    })
}
