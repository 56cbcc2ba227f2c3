//! Which operation a method and a path name: each operation says its own ([`brokerage_wire::operation::Row::path`]).
//!
//! Kafka and VPC are served at one address, since the vendor's command line has one endpoint for all services.

use brokerage_wire::cloud::Route;
use brokerage_wire::operation::Row;
use http::Method;

use crate::cloud::SERVICES;

/// A segment of an operation's path.
pub enum Segment {
    /// It stands there as it is.
    Text(&'static str),
    /// A parameter stands there, and behind it, with its colon, the action of the operation, if it has one.
    Parameter {
        /// The vendor's name of the parameter.
        name: &'static str,
        /// Such as `:modifyInstanceSpec`; or empty.
        action: &'static str,
    },
}

impl Segment {
    fn of(text: &'static str) -> Self {
        let parameter = text.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        match parameter {
            Some((name, action)) => Self::Parameter { name, action },
            None => Self::Text(text),
        }
    }

    /// The text that stands there; empty for a parameter.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Text(text) => text,
            Self::Parameter { .. } => "",
        }
    }
}

/// The segments of an operation's path.
pub fn segments(path: &'static str) -> impl Iterator<Item = Segment> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(Segment::of)
}

/// The parameters that a path carries, if it is that of the operation.
fn matched(row: &'static Row, path: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let mut params = Vec::new();
    let mut given = path.iter();
    for segment in segments(row.path) {
        let text = given.next()?;
        match segment {
            Segment::Text(own) if own == *text => {}
            Segment::Text(_) => return None,
            Segment::Parameter { name, action } => {
                params.push((name, text.strip_suffix(action)?.to_owned()));
            }
        }
    }
    given.next().is_none().then_some(params)
}

/// Finds the operation of a decoded path.
pub fn find(method: &Method, path: &str) -> Option<Route> {
    // A trailing slash leaves an empty segment: some of the vendor's own paths end with one.
    let path: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let mut rows = SERVICES
        .iter()
        .flat_map(|table| table.rows.iter().map(move |row| (*table, row)));
    rows.find_map(|(table, row)| {
        let params = (row.method == *method).then(|| matched(row, &path))??;
        Some(Route {
            table,
            row,
            path_params: params,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_and_a_path_name_one_operation() {
        let check = |method: &str, path: &str, expected: Option<(&str, &[(&str, &str)])>| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let route = find(&method, path);
            let found = route.as_ref().map(|route| {
                let params: Vec<(&str, &str)> = route
                    .path_params
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect();
                (route.row.name, params)
            });
            let expected = expected.map(|(name, params)| (name, params.to_vec()));
            assert_eq!(found, expected, "{method} {path}");
        };
        let region: &[_] = &[("regionId", "r")];
        let instance: &[_] = &[("regionId", "r"), ("instanceId", "i")];
        check(
            "POST",
            "/v1/regions/r/instances",
            Some(("createInstance", region)),
        );
        check(
            "GET",
            "/v1/regions/r/instances",
            Some(("describeInstances", region)),
        );
        check(
            "GET",
            "/v1/regions/r/instances/",
            Some(("describeInstances", region)),
        );
        check(
            "GET",
            "/v1/regions/r/instances/i",
            Some(("describeInstance", instance)),
        );
        check(
            "DELETE",
            "/v1/regions/r/instances/i/",
            Some(("deleteInstance", instance)),
        );
        check(
            "POST",
            "/v1/regions/r/instances/i:modifyInstanceSpec",
            Some(("modifyInstanceSpec", instance)),
        );
        check("GET", "/v1/regions/r/vpcs/", Some(("describeVpcs", region)));
        check(
            "GET",
            "/v1/regions/r/subnets",
            Some(("describeSubnets", region)),
        );
        check(
            "GET",
            "/v1/regions/r/subnets/s",
            Some(("describeSubnet", &[("regionId", "r"), ("subnetId", "s")])),
        );
        for (method, path) in [
            ("GET", "/v1/regions"),
            ("PUT", "/v1/regions/r/instances"),
            ("DELETE", "/v1/regions/r/instances"),
            ("POST", "/v1/regions/r/instances/i"),
            ("POST", "/v1/regions/r/instances/i:stop"),
            ("GET", "/v1/regions/r/instances/i/topics"),
            ("POST", "/v1/regions/r/subnets/"),
            ("GET", "/v2/regions/r/instances"),
        ] {
            check(method, path, None);
        }
    }
}
