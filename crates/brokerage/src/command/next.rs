//! What may be typed next, for people: the way from a new server to the first purchase.

use std::path::Path;

use brokerage_wire::client::Purchase;
use serde_json::Value;

use super::print::{self, escaped};
use crate::admin::NetworkAsk;
use crate::config::DATA_DEFAULT;
use crate::serve::CLOUDS;

/// Begins the first of such lines.
const NEXT: &str = "next: ";
/// Begins the others.
const THEN: &str = "      ";

/// Tells lines beside an answer.
pub fn tell(lines: &[String]) {
    for (at, line) in lines.iter().enumerate() {
        let lead = if at == 0 { NEXT } else { THEN };
        print::aside(format!("{lead}{}", escaped(line)));
    }
}

/// The flag by which commands find the server of a data directory.
pub fn data_flag(data: &Path) -> String {
    match data == Path::new(DATA_DEFAULT) {
        true => String::new(),
        false => format!(" --data {}", quoted_path(data)),
    }
}

/// After an account was made.
pub fn of_account(name: &str, data: &Path) -> Vec<String> {
    let (name, data) = (quoted(name), data_flag(data));
    vec![format!("brokerage key create --account {name}{data}")]
}

/// After a key was made: it is told to clients, and its account needs a place for what it buys.
pub fn of_key(id: &Value, account: &str, data: &Path) -> Vec<String> {
    let (account, data) = (quoted(account), data_flag(data));
    let id = id.as_str().unwrap_or_default();
    let mut lines = vec![format!(
        "export BROKERAGE_ACCESS_KEY_ID={id} BROKERAGE_SECRET=… (the secret above, which is not shown again)"
    )];
    lines.extend(of_one_step(None).map(|purchase| {
        let (profile, region) = (profile(purchase), purchase.region);
        let place = format!("--account {account} --profile {profile} --region {region}");
        format!("brokerage network create {place} vpc-1{data}")
    }));
    lines
}

/// Whose network or subnet was made, and where.
pub struct Made {
    account: String,
    profile: String,
    region: String,
    id: String,
}

impl Made {
    pub fn new(account: &str, ask: &NetworkAsk) -> Self {
        Self {
            account: account.to_owned(),
            profile: ask.profile.clone(),
            region: ask.region.clone(),
            id: ask.id.clone(),
        }
    }
}

/// After a network was made: nothing can be bought before there is a subnet.
pub fn of_network(made: &Made, zones: &Value, data: &Path) -> Vec<String> {
    let Some(zone) = zones[0].as_str() else {
        return Vec::new();
    };
    let (account, network, data) = (quoted(&made.account), quoted(&made.id), data_flag(data));
    let (profile, region) = (quoted(&made.profile), quoted(&made.region));
    vec![format!(
        "brokerage network create-subnet --account {account} --profile {profile} --region {region} --network {network} \
         --zone {zone} subnet-1{data}"
    )]
}

/// After a subnet was made: that is where what its account buys is placed.
pub fn of_subnet(made: &Made, data: &Path) -> Vec<String> {
    let (region, data) = (quoted(&made.region), data_flag(data));
    let purchase = of_one_step(Some(&made.profile));
    let purchase = purchase.or_else(|| sold_from(&made.profile).min_by_key(dialect));
    let line = |purchase: &Purchase| {
        let dialect = purchase.dialect;
        format!(
            "brokerage buy --dialect {dialect} --region {region} --wait{data}, with the key in BROKERAGE_ACCESS_KEY_ID and \
             BROKERAGE_SECRET"
        )
    };
    purchase.map(line).into_iter().collect()
}

/// The first way to buy in one step, of a profile or of all.
pub fn of_one_step(of: Option<&str>) -> Option<&'static Purchase> {
    let is_wanted =
        |purchase: &&'static Purchase| of.is_none_or(|wanted| profile(purchase) == wanted);
    let of_one_step = CLOUDS.purchases().filter(|of| of.start.is_none());
    of_one_step.filter(is_wanted).min_by_key(dialect)
}

fn sold_from(wanted: &str) -> impl Iterator<Item = &'static Purchase> + '_ {
    CLOUDS
        .purchases()
        .filter(move |purchase| profile(purchase) == wanted)
}

fn dialect(purchase: &&'static Purchase) -> &'static str {
    purchase.dialect
}

/// The catalog that a purchase is made from.
fn profile(purchase: &Purchase) -> &'static str {
    let mut services = CLOUDS.services();
    let found = services.find(|table| table.dialect == purchase.dialect);
    found.map_or("", |table| table.profile)
}

/// A path as one word for a shell.
pub fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A text as one word for a shell.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_step_leads_to_the_next_one() {
        let (here, there) = (Path::new(DATA_DEFAULT), Path::new("/d e"));
        let check = |lines: Vec<String>, expected: &[&str]| assert_eq!(lines, expected);
        check(
            of_account("team-a", here),
            &["brokerage key create --account team-a"],
        );
        check(
            of_account("team a", there),
            &["brokerage key create --account 'team a' --data '/d e'"],
        );
        check(
            of_key(&json!("AK1"), "team-a", here),
            &[
                "export BROKERAGE_ACCESS_KEY_ID=AK1 BROKERAGE_SECRET=… (the secret above, which is not shown again)",
                "brokerage network create --account team-a --profile ckafka --region ap-guangzhou vpc-1",
            ],
        );
        let made = |profile: &str, region: &str| Made {
            account: "team-a".to_owned(),
            profile: profile.to_owned(),
            region: region.to_owned(),
            id: "vpc-1".to_owned(),
        };
        let of = made("ckafka", "ap-guangzhou");
        check(
            of_network(&of, &json!(["100003", "100004"]), here),
            &[
                "brokerage network create-subnet --account team-a --profile ckafka --region ap-guangzhou --network vpc-1 \
                 --zone 100003 subnet-1",
            ],
        );
        check(of_network(&of, &json!([]), here), &[]);
        for (profile, region, dialect) in [
            ("ckafka", "ap-guangzhou", "ckafka"),
            ("jdkafka", "cn-north-1", "jdkafka"),
            ("alikafka", "cn-beijing", "alikafka"),
        ] {
            let lines = of_subnet(&made(profile, region), here);
            let expected = format!("brokerage buy --dialect {dialect} --region {region} --wait,");
            assert!(lines[0].starts_with(&expected), "{lines:?}");
        }
    }

    #[test]
    fn texts_are_one_word_for_a_shell() {
        for (text, expected) in [
            ("/a/b-1.pem", "/a/b-1.pem"),
            ("/a b/c'd", "'/a b/c'\\''d'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
