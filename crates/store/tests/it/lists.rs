//! Lists in blocks: every page and every total is that of a list which is kept sorted as a whole.

use std::sync::{Arc, LazyLock};

use brokerage_domain::catalog::{Catalogs, Plan, PlanRequest};
use brokerage_domain::clock::Moment;
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::{AccountId, InstanceId, OrderId};
use brokerage_domain::instance::{Instance, Phase, Tags, Want};
use brokerage_domain::listing::{Listing, OrderClass};
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::notes::Notes;
use brokerage_domain::order::{Charge, LineState, Order, OrderKind, OrderLine, Payment};
use brokerage_store::instance::{
    Attention, instance_by_id, instance_insert, instance_list_after, instance_list_page,
    instance_relist, instance_update, list_begin,
};
use brokerage_store::list::Classes;
use brokerage_store::order::{order_insert, order_line_move, order_page};
use brokerage_store::{Store, StoreError};

use crate::write;

on_every_backend!(
    pages_are_those_of_a_sorted_list,
    newest_first_and_available_lists_are_kept_as_well,
    lists_are_exact_however_many_write,
    orders_are_paged_within_a_span_of_time,
    filtered_orders_are_those_of_a_sorted_list,
    orders_are_counted_by_class_however_many_write,
    what_was_listed_otherwise_is_listed_anew,
);

/// More than two blocks hold.
const MANY: u64 = 5_200;
const REGION: &str = "ap-guangzhou";

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let request = PlanRequest {
        region: REGION.into(),
        zones: vec!["100003".into()],
        bandwidth_mbps: Some(20),
        partitions: Some(400),
        disk_gb: Some(200),
        ..PlanRequest::default()
    };
    let catalogs = Catalogs::embedded();
    catalogs.get("ckafka").unwrap().plan(&request).unwrap()
});

/// Spreads numbers over all ids, so that neighbours are made far apart.
fn id_of(number: u64) -> String {
    format!("i-{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn instance(plan: &Plan, number: u64) -> Instance {
    Instance {
        id: InstanceId::new(id_of(number)),
        account_id: AccountId::new("a"),
        profile: "p".into(),
        region: REGION.into(),
        name: String::new(),
        order_id: OrderId::new("o"),
        order_line: 0,
        plan: plan.clone(),
        charge: Charge::Postpaid,
        placement: None,
        phase: Phase::AwaitingStart,
        want: Want::Nothing,
        slots: Vec::new(),
        settings: ClusterSettings::default(),
        notes: Notes::default(),
        tags: Tags::new(),
        deletion_protected: false,
        // Three of one time each.
        created_at: Moment::from_micros(i64::try_from(number / 3).unwrap() * 7),
        running_since: None,
        expires_at: None,
        billed_until: None,
        attempts: 0,
        failure: None,
        resize: None,
        revision: 0,
    }
}

async fn insert(store: &Store, listing: Listing, numbers: impl Iterator<Item = u64>) {
    let numbers: Vec<u64> = numbers.collect();
    for slice in numbers.chunks(200) {
        let instances: Vec<Instance> = slice.iter().map(|n| instance(&PLAN, *n)).collect();
        write(store, move |tx| {
            instances
                .iter()
                .try_for_each(|i| instance_insert(tx, i, Attention::Settled, listing))
        })
        .await
        .unwrap();
    }
}

async fn become_of(store: &Store, phase: Phase, numbers: impl Iterator<Item = u64>) {
    let ids: Vec<String> = numbers.map(id_of).collect();
    for slice in ids.chunks(200) {
        let slice = slice.to_vec();
        write(store, move |tx| {
            for id in &slice {
                let mut found = instance_by_id(tx, &InstanceId::new(id))?.unwrap();
                found.phase = phase;
                assert!(instance_update(tx, &found, Attention::Settled)?);
            }
            Ok(())
        })
        .await
        .unwrap();
    }
}

async fn page(store: &Store, list: &'static str, offset: i64, limit: u32) -> (Vec<String>, i64) {
    let read = store.read("page", move |tx| -> Result<_, StoreError> {
        instance_list_page(tx, &AccountId::new("a"), "p", list, (offset, limit))
    });
    let (instances, total) = read.await.unwrap();
    let ids = instances.iter().map(|instance| instance.id.to_string());
    (ids.collect(), total)
}

/// Every page is that part of the list as it should be.
async fn check(store: &Store, list: &'static str, expected: &[String]) {
    let total = i64::try_from(expected.len()).unwrap();
    for offset in [
        0,
        1,
        total / 3,
        total / 2,
        total - 11,
        total - 1,
        total,
        total + 5,
    ] {
        let offset = offset.max(0);
        let rest = expected.iter().skip(usize::try_from(offset).unwrap());
        let rest: Vec<String> = rest.take(10).cloned().collect();
        assert_eq!(
            page(store, list, offset, 10).await,
            (rest, total),
            "at {offset}"
        );
    }
    let mut walked: Vec<String> = Vec::new();
    let mut next = Some(list_begin());
    while let Some(from) = next {
        let slice = store.read("walk", move |tx| -> Result<_, StoreError> {
            instance_list_after(tx, &AccountId::new("a"), "p", list, &from)
        });
        let slice = slice.await.unwrap();
        next = slice.next;
        let ids = slice.instances.iter();
        walked.extend(ids.map(|instance| instance.id.to_string()));
    }
    assert_eq!(walked, expected);
}

fn by_id(numbers: impl Iterator<Item = u64>) -> Vec<String> {
    let mut ids: Vec<String> = numbers.map(id_of).collect();
    ids.sort_unstable();
    ids
}

async fn pages_are_those_of_a_sorted_list(store: Store) {
    check(&store, REGION, &[]).await;
    insert(&store, Listing::ById, 0..MANY).await;
    check(&store, REGION, &by_id(0..MANY)).await;
    assert_eq!(page(&store, "another-region", 0, 10).await, (Vec::new(), 0));
    // Most leave, so that blocks become one again; what fails stays.
    become_of(&store, Phase::Failed, 0..10).await;
    become_of(&store, Phase::Released, 100..MANY).await;
    become_of(&store, Phase::Gone, 100..200).await;
    check(&store, REGION, &by_id(0..100)).await;
    insert(&store, Listing::ById, MANY..MANY + 300).await;
    check(&store, REGION, &by_id((0..100).chain(MANY..MANY + 300))).await;
}

async fn newest_first_and_available_lists_are_kept_as_well(store: Store) {
    insert(&store, Listing::NewestFirst, 0..MANY).await;
    let mut newest: Vec<u64> = (0..MANY).collect();
    newest.sort_by_key(|n| (std::cmp::Reverse(n / 3), id_of(*n)));
    let newest: Vec<String> = newest.into_iter().map(id_of).collect();
    check(&store, REGION, &newest).await;
    insert(&store, Listing::AvailableById, MANY..MANY + 50).await;
    become_of(&store, Phase::Failed, MANY..MANY + 10).await;
    become_of(&store, Phase::Releasing, MANY + 5..MANY + 20).await;
    check(&store, "", &by_id(MANY + 20..MANY + 50)).await;
    check(&store, REGION, &newest).await;
}

async fn lists_are_exact_however_many_write(store: Store) {
    insert(&store, Listing::ById, 0..1_900).await;
    let store = Arc::new(store);
    let writers = (0..6_u64).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let own = 2_000 + writer * 1_000;
            for number in own..own + 100 {
                insert(&store, Listing::ById, number..number + 1).await;
                if number % 2 == 0 {
                    become_of(&store, Phase::Gone, number..number + 1).await;
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let stay = (0..6_u64).flat_map(|writer| {
        let own = 2_000 + writer * 1_000;
        (own..own + 100).filter(|number| number % 2 == 1)
    });
    check(&store, REGION, &by_id((0..1_900).chain(stay))).await;
}

async fn what_was_listed_otherwise_is_listed_anew(store: Store) {
    insert(&store, Listing::NewestFirst, 0..MANY).await;
    become_of(&store, Phase::Failed, 0..5).await;
    become_of(&store, Phase::Released, 5..10).await;
    for (listing, list, shown) in [
        (Listing::ById, REGION, by_id((0..5).chain(10..MANY))),
        (Listing::AvailableById, "", by_id(10..MANY)),
    ] {
        let relist = async || {
            write(&store, move |tx| instance_relist(tx, "p", listing))
                .await
                .unwrap()
        };
        assert!(relist().await, "{listing:?}");
        assert!(!relist().await, "{listing:?}");
        check(&store, list, &shown).await;
    }
    // What comes later is counted where it belongs.
    insert(&store, Listing::AvailableById, MANY..MANY + 9).await;
    become_of(&store, Phase::Gone, 10..20).await;
    check(&store, "", &by_id(20..MANY + 9)).await;
}

fn order(number: i64) -> Order {
    Order {
        id: OrderId::new(format!("o-{number:06}")),
        account_id: AccountId::new("a"),
        profile: "p".into(),
        region: REGION.into(),
        kind: OrderKind::New,
        charge: Charge::Postpaid,
        payment: Payment::OnDelivery,
        currency: Currency::Cny,
        total: Money::ZERO,
        catalog_version: String::new(),
        catalog_hash: String::new(),
        created_at: Moment::from_micros(number / 2 * 10),
        lines: Vec::new(),
    }
}

async fn orders_are_paged_within_a_span_of_time(store: Store) {
    let many = i64::try_from(MANY).unwrap();
    for begin in (0..many).step_by(200) {
        write(&store, move |tx| {
            (begin..(begin + 200).min(many)).try_for_each(|n| order_insert(tx, &order(n)))
        })
        .await
        .unwrap();
    }
    for (from, until) in [
        (0, i64::from(u32::MAX)),
        (0, 0),
        (5, 15),
        (10, 20),
        (1_000, 9_995),
        (9_000, 9_000_000),
        (12_990, 12_991),
        (13_000, 14_000),
    ] {
        let within = |n: &i64| (from..until).contains(&(n / 2 * 10));
        let mut expected: Vec<i64> = (0..many).filter(within).collect();
        expected.sort_by_key(|n| (std::cmp::Reverse(n / 2), *n));
        let total = i64::try_from(expected.len()).unwrap();
        for offset in [0, 1, total / 2, total - 3, total, total + 9] {
            let offset = offset.max(0);
            let read = store.read("orders", move |tx| -> Result<_, StoreError> {
                let span = (Moment::from_micros(from), Moment::from_micros(until));
                let asked = (span, Classes::ALL);
                order_page(tx, &AccountId::new("a"), "p", asked, offset, 7)
            });
            let (orders, count) = read.await.unwrap();
            let ids: Vec<String> = orders.iter().map(|order| order.id.to_string()).collect();
            let rest = expected.iter().skip(usize::try_from(offset).unwrap());
            let rest: Vec<String> = rest.take(7).map(|n| order(*n).id.to_string()).collect();
            assert_eq!((ids, count), (rest, total), "{from}..{until} at {offset}");
        }
    }
}

/// Spread over times and classes as if by chance.
fn chance(number: i64) -> u64 {
    let spread = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread ^ spread >> 29
}

fn mixed_order(number: i64) -> Order {
    let chance = chance(number);
    let line = |line| OrderLine {
        line,
        instance_id: InstanceId::new(format!("i-{number}")),
        amount: Money::ZERO,
        state: LineState::Placed,
    };
    Order {
        // Most orders are of one kind, few of another.
        kind: match chance % 9 {
            0 => OrderKind::Resize,
            _ => OrderKind::New,
        },
        charge: match chance % 5 {
            0..2 => Charge::Postpaid,
            _ => Charge::prepaid(1, None),
        },
        created_at: Moment::from_micros(i64::try_from(chance % 1_500).unwrap() * 10),
        lines: (0..2).map(line).collect(),
        ..order(number)
    }
}

/// What becomes of the two lines of an order.
fn fate(number: i64) -> [LineState; 2] {
    match chance(number) % 7 {
        0 => [LineState::Failed, LineState::Cancelled],
        1 => [LineState::Failed, LineState::NeedsOperator],
        2 => [LineState::Delivered, LineState::Failed],
        3 => [LineState::Cancelled, LineState::Placed],
        _ => [LineState::Delivered, LineState::Delivered],
    }
}

async fn meet_their_fate(store: &Store, numbers: std::ops::Range<i64>) {
    write(store, move |tx| {
        for number in numbers.clone() {
            for (line, state) in (0..).zip(fate(number)) {
                let order = mixed_order(number);
                let moved = order_line_move(tx, &order, line, LineState::Placed, state)?;
                assert!(moved, "{}", order.id);
                // What has an end has no other.
                if state != LineState::Placed {
                    assert!(!order_line_move(
                        tx,
                        &order,
                        line,
                        LineState::Placed,
                        state
                    )?);
                }
            }
        }
        Ok(())
    })
    .await
    .unwrap();
}

fn after_fate(number: i64) -> Order {
    let mut order = mixed_order(number);
    for (line, state) in order.lines.iter_mut().zip(fate(number)) {
        line.state = state;
    }
    order
}

async fn insert_orders(store: &Store, numbers: std::ops::Range<i64>) {
    write(store, move |tx| {
        let mut numbers = numbers.clone();
        numbers.try_for_each(|number| order_insert(tx, &mixed_order(number)))
    })
    .await
    .unwrap();
}

/// Every page of every filter in some spans is that of the sorted orders that pass.
async fn check_orders(store: &Store, mut all: Vec<Order>) {
    all.sort_by(|a, b| (b.created_at, &a.id).cmp(&(a.created_at, &b.id)));
    let choices = [None, Some(false), Some(true)];
    let filters = choices.into_iter().flat_map(|prepaid| {
        let pairs = choices
            .into_iter()
            .flat_map(move |change| choices.map(|back| (change, back)));
        pairs.map(move |(change, back)| (prepaid, change, back))
    });
    for (prepaid, change, back) in filters {
        let passes = move |class: OrderClass| {
            prepaid.is_none_or(|wanted| class.is_prepaid == wanted)
                && change.is_none_or(|wanted| (class.kind == OrderKind::Resize) == wanted)
                && back.is_none_or(|wanted| class.is_given_back == wanted)
        };
        for (from, until) in [(0, 20_000), (0, 7_005), (4_000, 4_010), (2_001, 12_345)] {
            let span = (Moment::from_micros(from), Moment::from_micros(until));
            let expected: Vec<&Order> = all
                .iter()
                .filter(|order| (span.0..span.1).contains(&order.created_at))
                .filter(|order| passes(OrderClass::of(order)))
                .collect();
            let total = i64::try_from(expected.len()).unwrap();
            for offset in [0, total / 3, total - 8] {
                let offset = offset.max(0);
                let read = store.read("orders", move |tx| -> Result<_, StoreError> {
                    let asked = (span, Classes(OrderClass::all().map(passes)));
                    order_page(tx, &AccountId::new("a"), "p", asked, offset, 7)
                });
                let (orders, count) = read.await.unwrap();
                let rest = expected.iter().skip(usize::try_from(offset).unwrap());
                let rest: Vec<Order> = rest.take(7).map(|order| (*order).clone()).collect();
                assert_eq!(
                    (orders, count),
                    (rest, total),
                    "{prepaid:?} {change:?} {back:?} {from}..{until} at {offset}"
                );
            }
        }
    }
}

async fn filtered_orders_are_those_of_a_sorted_list(store: Store) {
    let many = i64::try_from(MANY).unwrap();
    check_orders(&store, Vec::new()).await;
    for begin in (0..many).step_by(200) {
        insert_orders(&store, begin..begin + 200).await;
        // What changes its class does so in blocks that are divided later, too.
        meet_their_fate(&store, begin..begin + 200).await;
    }
    check_orders(&store, (0..many).map(after_fate).collect()).await;
}

async fn orders_are_counted_by_class_however_many_write(store: Store) {
    insert_orders(&store, 0..1_900).await;
    let store = Arc::new(store);
    let writers = (0..6).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in (1_900 + writer * 50)..(1_950 + writer * 50) {
                insert_orders(&store, number..number + 1).await;
                // Both lines at once: one of the two is the last.
                let ends = [0, 1].map(|line| {
                    let order = mixed_order(number);
                    write(&store, move |tx| {
                        order_line_move(tx, &order, line, LineState::Placed, LineState::Failed)
                    })
                });
                let [first, second] = ends;
                let (first, second) = tokio::join!(first, second);
                assert!(first.unwrap() && second.unwrap());
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let given_back = (1_900..2_200).map(|number| {
        let mut order = mixed_order(number);
        let lines = order.lines.iter_mut();
        lines.for_each(|line| line.state = LineState::Failed);
        order
    });
    check_orders(
        &store,
        (0..1_900).map(mixed_order).chain(given_back).collect(),
    )
    .await;
}
