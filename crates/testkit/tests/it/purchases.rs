//! What the command line buys by itself, and what README shows it to buy, are calls of the files: so they are played.

use brokerage_testkit::CLOUDS;
use brokerage_testkit::calls::files;
use brokerage_wire::client::{Pairs, Place, Purchase};
use brokerage_wire::params::from_json;
use serde_json::Value;

const README: &str = include_str!("../../../../README.md");
/// How README's commands begin that buy.
const BUY: &str = "cargo run --release -- buy ";

fn purchase(dialect: &str) -> &'static Purchase {
    let mut purchases = CLOUDS.purchases();
    let found = purchases.find(|purchase| purchase.dialect == dialect);
    found.unwrap_or_else(|| panic!("nothing is bought by {dialect}"))
}

/// Where the calls of the files are placed.
fn place(purchase: &Purchase) -> Place {
    let zone = match purchase.dialect {
        "ckafka" => "100003",
        "jdkafka" => "cn-north-1a",
        _ => "",
    };
    Place {
        region: purchase.region.to_owned(),
        network: "vpc-brokerage".to_owned(),
        subnet: "subnet-brokerage".to_owned(),
        zone: zone.to_owned(),
    }
}

/// Asserts that the order with what is set is a call of its operation's file.
fn check(purchase: &Purchase, set: Pairs) {
    let what = format!("{} with {set:?}", purchase.about);
    let step = (purchase.order)(&place(purchase), set).expect("an order");
    let file = &files(step.table.dialect)[step.operation];
    let is_it = |send: &serde_json::Map<String, Value>| {
        let text = Value::Object(send.clone()).to_string();
        from_json(text.as_bytes()).is_ok_and(|params| params == step.params)
    };
    let found = file.calls.iter().any(|call| is_it(&call.send));
    assert!(found, "{} has no call that is {what}", step.operation);
}

#[test]
fn what_is_bought_without_settings_is_a_call() {
    for purchase in CLOUDS.purchases() {
        check(purchase, Vec::new());
    }
}

#[test]
fn what_readme_buys_is_a_call() {
    let mut count = 0;
    for line in README
        .lines()
        .filter_map(|line| line.trim().strip_prefix(BUY))
    {
        let mut words = line.split(' ');
        let (mut dialect, mut set) = ("", Vec::new());
        while let Some(word) = words.next() {
            match word {
                "--dialect" => dialect = words.next().expect("its name"),
                "--set" => {
                    let pair = words.next().and_then(|pair| pair.split_once('='));
                    let (name, value) = pair.expect("NAME=VALUE");
                    set.push((name.to_owned(), value.to_owned()));
                }
                _ => {}
            }
        }
        check(purchase(dialect), set);
        count += 1;
    }
    assert!(count > 0, "README shows how to buy");
}

#[test]
fn readme_names_every_way_to_buy() {
    let named = README
        .lines()
        .find(|line| line.starts_with("`--dialect` is one of"));
    let named = named.expect("README says what can be named");
    for purchase in CLOUDS.purchases() {
        let dialect = format!("`{}`", purchase.dialect);
        assert!(named.contains(&dialect), "{dialect}");
    }
}
