//! What `serve` says when it is ready: where it is, and what may be typed next.

use std::path::Path;

use brokerage_control::sandbox::{SANDBOX_KEY_ID, SANDBOX_SECRET};
use serde_json::json;

use crate::command::next;
use crate::config::Config;
use crate::serve::Bound;
use crate::telemetry;

/// Says it: one line for programs, or a few for people. `is_new`: nobody has an account yet.
pub fn tell(config: &Config, bound: &Bound, data: &Path, is_new: bool) {
    if config.json {
        let line = json!({
            "event": "ready",
            "api": bound.reached.api,
            "api_tls": bound.reached.api_tls,
            "metrics": bound.metrics,
            "data": data,
            "sandbox": config.sandbox,
            "ca": bound.reached.ca,
        });
        return telemetry::say(&line.to_string());
    }
    for line in lines(config, bound, data, is_new) {
        telemetry::say(&line);
    }
}

fn lines(config: &Config, bound: &Bound, data: &Path, is_new: bool) -> Vec<String> {
    let (reached, is_sandbox) = (&bound.reached, config.sandbox);
    let urls = |scheme: &str, addresses: &[String]| {
        let urls = addresses.iter().map(|at| format!("{scheme}://{at}"));
        urls.collect::<Vec<_>>()
    };
    let urls = [urls("http", &reached.api), urls("https", &reached.api_tls)].concat();
    let mode = match is_sandbox {
        true => format!(" (sandbox: key {SANDBOX_KEY_ID}, secret {SANDBOX_SECRET})"),
        false => String::new(),
    };
    let metrics = bound.metrics.map_or_else(String::new, |address| {
        format!(", metrics at http://{address}/metrics")
    });
    let mut lines = vec![format!(
        "brokerage is ready: API at {}{mode}{metrics}, data in {}",
        urls.join(", "),
        data.display()
    )];
    if let Some(ca) = &reached.ca {
        lines.push(format!("clients of TLS listeners trust {}", ca.display()));
    }
    let flag = next::data_flag(&config.data);
    let next = match (is_sandbox, is_new) {
        (true, _) => format!(
            "brokerage buy --dialect {} --name orders --wait{flag}",
            next::of_one_step(None).map_or("", |of| of.dialect)
        ),
        (false, true) => format!("brokerage account create team-a --balance 1000{flag}"),
        (false, false) => format!("brokerage instances{flag}"),
    };
    lines.push(format!("next, in another terminal: {next}"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Reached;
    use crate::settings::ServeSettings;

    fn check(settings: &str, is_new: bool, expected: &[&str]) {
        let settings: ServeSettings = toml::from_str(settings).expect("settings");
        let config = Config::of(settings, false).expect("a configuration");
        let bound = Bound {
            reached: Reached {
                api: vec!["127.0.0.1:1".to_owned()],
                api_tls: vec!["127.0.0.1:2".to_owned()],
                ca: Some("/d/ca.pem".into()),
            },
            metrics: None,
        };
        assert_eq!(lines(&config, &bound, Path::new("/d"), is_new), expected);
    }

    #[test]
    fn whoever_starts_a_server_is_told_what_to_type_next() {
        let plain =
            "brokerage is ready: API at http://127.0.0.1:1, https://127.0.0.1:2, data in /d";
        let trust = "clients of TLS listeners trust /d/ca.pem";
        check(
            "sandbox = true",
            false,
            &[
                "brokerage is ready: API at http://127.0.0.1:1, https://127.0.0.1:2 (sandbox: key BROKERAGESANDBOX, \
                 secret brokerage-sandbox-secret), data in /d",
                trust,
                "next, in another terminal: brokerage buy --dialect ckafka --name orders --wait",
            ],
        );
        let account =
            "next, in another terminal: brokerage account create team-a --balance 1000 --data x";
        check("data = 'x'", true, &[plain, trust, account]);
        let instances = "next, in another terminal: brokerage instances";
        check("", false, &[plain, trust, instances]);
    }
}
