//! The recorded requests of the vendors' clients: each stage of each signature, each request with
//! single bytes changed, and our own signatures read back.

use std::collections::BTreeMap;

use brokerage_testkit::CLOUDS;
use brokerage_testkit::golden::{
    self, Flips, GoldenLine, GoldenReport, HOLES_LISTED_MAX, Part, Verdict,
};

const FILES: [(&str, &str, usize); 3] = [
    (
        "aliyun",
        include_str!("../../../cloud-alibaba/golden/aliyun.jsonl"),
        41,
    ),
    (
        "tencent",
        include_str!("../../../cloud-tencent/golden/tencent.jsonl"),
        84,
    ),
    (
        "jdcloud",
        include_str!("../../../cloud-jd/golden/jdcloud.jsonl"),
        32,
    ),
];

/// Every bit of each fifth byte; `cargo xtask golden` changes every byte.
const STRIDE: usize = 5;

fn lines(text: &str) -> Vec<GoldenLine> {
    golden::parse(text)
        .map(|line| line.expect("a golden line"))
        .collect()
}

#[test]
fn each_stage_of_each_recorded_signature_is_recomputed() {
    for (file, text, count) in FILES {
        let lines = lines(text);
        assert_eq!(lines.len(), count, "{file}");
        for line in lines {
            let name = &line.name;
            let stages = line
                .stages()
                .unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
            if let Some(canonical_request) = &line.canonical_request {
                assert_eq!(&stages.canonical_request, canonical_request, "{name}");
            }
            assert_eq!(
                Some(&stages.string_to_sign),
                line.string_to_sign.as_ref(),
                "{name}"
            );
            assert_eq!(Some(&stages.signature), line.signature.as_ref(), "{name}");
            let claim = CLOUDS.claim(&line.wire_request().unwrap()).unwrap();
            assert_eq!(claim.scheme.name, line.scheme, "{name}");
            assert_eq!(claim.signed_at_s, line.clock, "{name}");
        }
    }
}

/// Replays all lines and prints what was found; `cargo test -- --nocapture` shows it.
fn replay_all(flips: &Flips) {
    for (file, text, _) in FILES {
        let reports: Vec<GoldenReport> = lines(text)
            .iter()
            .map(|line| {
                golden::replay(line, flips, golden::signature_verdict).expect("a golden request")
            })
            .collect();
        let failed: Vec<String> = reports
            .iter()
            .filter(|report| !report.passed())
            .map(ToString::to_string)
            .collect();
        let flips: u64 = reports.iter().map(|report| report.flips).sum();
        let refused: u64 = reports.iter().map(GoldenReport::refused_count).sum();
        println!(
            "{file}: {} lines, {flips} changes, {refused} refused",
            reports.len()
        );
        let mut without_effect = BTreeMap::new();
        for report in &reports {
            for (key, count) in &report.without_effect {
                *without_effect.entry(key.clone()).or_insert(0) += count;
            }
        }
        for ((part, reason), count) in without_effect {
            println!("  without effect: {part}, {reason}: {count}");
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }
}

#[test]
fn a_changed_byte_is_refused_or_without_effect() {
    replay_all(&Flips::sample(STRIDE));
}

#[test]
fn a_server_that_is_too_lenient_fails_the_replay() {
    let line = lines(FILES[0].1).remove(0);
    let all = Flips::sample(STRIDE);
    let credulous = golden::replay(&line, &all, |_, _, _| Verdict::Accepted).unwrap();
    assert!(!credulous.passed());
    assert!(credulous.holes_count > HOLES_LISTED_MAX as u64);
    assert_eq!(credulous.holes.len(), HOLES_LISTED_MAX);

    let ignores_secret = golden::replay(&line, &all, |request, credential, clock_s| {
        let mut credential = credential.clone();
        credential.secret = line.secret.clone();
        golden::signature_verdict(request, &credential, clock_s)
    })
    .unwrap();
    assert!(!ignores_secret.passed());
    assert!(
        ignores_secret
            .holes
            .iter()
            .all(|hole| hole.part == Part::Secret)
    );

    let nameless =
        golden::replay(
            &line,
            &all,
            |request, credential, clock_s| match golden::signature_verdict(
                request, credential, clock_s,
            ) {
                Verdict::Refused { .. } => Verdict::Refused {
                    code: String::new(),
                },
                accepted => accepted,
            },
        )
        .unwrap();
    assert!(!nameless.passed());

    let late = golden::replay(&line, &all, |request, credential, clock_s| {
        golden::signature_verdict(request, credential, clock_s + 3_600)
    })
    .unwrap();
    assert!(!late.passed(), "{late}");
}
