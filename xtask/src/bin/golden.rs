//! `cargo xtask golden FILE…`: replays recorded requests against the product without sockets.
//!
//! Each line's credentials are registered with a control plane whose clock stands where the line's did. The
//! request as recorded has to be authenticated; the request with one byte of its target, a signed header, its
//! body or the registered secret changed has to be refused with the vendor's code, unless the change leaves the
//! canonical request as it was. Such changes are counted by kind and printed.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use brokerage_control::access_key::NewKey;
use brokerage_control::sandbox::SANDBOX_ACCOUNT;
use brokerage_domain::access::Policy;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::AccessKeyId;
use brokerage_testkit::Plane;
use brokerage_testkit::golden::{Credential, Flips, GoldenReport, Verdict, parse, replay};
use brokerage_wire::WireRequest;
use clap::Parser;
use secrecy::ExposeSecret as _;
use tokio::runtime::Runtime;
use xtask::Counts;

/// Control planes kept at once: one for each secret that is tried with a key.
const PLANES_MAX: usize = 512;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask golden")]
struct Arguments {
    /// Files of one JSON object a line.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Changes every bit of every byte, not two.
    #[arg(long)]
    every_bit: bool,
    /// Prints every line's report, not only those that failed.
    #[arg(long)]
    verbose: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let flips = if arguments.every_bit {
        Flips::every_bit()
    } else {
        Flips::every_byte()
    };
    let mut judge = Judge {
        runtime: Runtime::new()?,
        planes: HashMap::new(),
    };
    let mut counts = Counts::default();
    for file in &arguments.files {
        let text =
            fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let mut totals = Totals::default();
        for line in parse(&text) {
            let report = match line.and_then(|line| {
                replay(&line, &flips, |r, c, clock_s| judge.verdict(r, c, clock_s))
            }) {
                Ok(report) => report,
                Err(fault) => {
                    println!("FAIL {}: {:#}", file.display(), anyhow::Error::new(fault));
                    counts += Counts::one(false);
                    continue;
                }
            };
            if arguments.verbose || !report.passed() {
                println!("{report}");
            }
            counts += Counts::one(report.passed());
            totals.add(&report);
        }
        totals.print(&file.display().to_string());
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    let passed = counts.failed == 0 && counts.passed > 0;
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Who is registered: key id, secret, session token. Fake ones, from the file.
type Registered = (String, String, Option<String>);

/// Asks control planes, one for each set of credentials.
struct Judge {
    runtime: Runtime,
    planes: HashMap<Registered, Plane>,
}

impl Judge {
    fn verdict(&mut self, request: &WireRequest, credential: &Credential, clock_s: i64) -> Verdict {
        let token = credential.session_token.as_ref();
        let registered: Registered = (
            credential.access_key_id.clone(),
            credential.secret.expose_secret().to_owned(),
            token.map(|token| token.expose_secret().to_owned()),
        );
        if !self.planes.contains_key(&registered) && self.planes.len() >= PLANES_MAX {
            self.planes.clear();
        }
        let Self { runtime, planes } = self;
        let plane = planes
            .entry(registered)
            .or_insert_with(|| runtime.block_on(plane_with(credential)));
        plane.clock.set(Moment::from_seconds(clock_s));
        match runtime.block_on(plane.gateway.identify(request)) {
            Ok(_) => Verdict::Accepted,
            Err(fault) => Verdict::Refused {
                code: fault.code.into_owned(),
            },
        }
    }
}

/// A control plane that knows one key.
async fn plane_with(credential: &Credential) -> Plane {
    let plane = Plane::sandbox().await;
    let key = NewKey {
        id: Some(AccessKeyId::new(&credential.access_key_id)),
        secret: Some(credential.secret.clone()),
        session_token: credential.session_token.clone(),
        policy: Policy::allow_all(),
    };
    let account = plane
        .control
        .account_view(SANDBOX_ACCOUNT)
        .await
        .expect("the sandbox account is there");
    plane
        .control
        .access_key_create(&account.id, key)
        .await
        .expect("the key is new");
    plane
}

/// What was tried with one file.
#[derive(Default)]
struct Totals {
    lines: u64,
    flips: u64,
    refused_by_transport: u64,
    refused: BTreeMap<String, u64>,
    without_effect: BTreeMap<String, u64>,
}

impl Totals {
    fn add(&mut self, report: &GoldenReport) {
        self.lines += 1;
        self.flips += report.flips;
        self.refused_by_transport += report.refused_by_transport.values().sum::<u64>();
        for ((_, code), count) in &report.refused {
            *self.refused.entry(code.clone()).or_default() += count;
        }
        for ((part, reason), count) in &report.without_effect {
            *self
                .without_effect
                .entry(format!("{part}, {reason}"))
                .or_default() += count;
        }
    }

    fn print(&self, file: &str) {
        println!("{file}: {} lines, {} changed bytes", self.lines, self.flips);
        println!("  no valid HTTP any more: {}", self.refused_by_transport);
        self.refused
            .iter()
            .for_each(|(code, count)| println!("  refused with {code}: {count}"));
        self.without_effect
            .iter()
            .for_each(|(what, count)| println!("  without effect, {what}: {count}"));
    }
}
