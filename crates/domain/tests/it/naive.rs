//! A second rater, written to be slow and obvious. It knows the file format from its comments, reads the
//! tables as plain TOML values, and shares no code with the first: no `Money`, no ranges, no modules.

use brokerage_domain::catalog::{PlanRequest, Site};
use toml::Value;

/// How the term is counted, for the naive rater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Hour,
    Months(i128),
}

/// One file, one order: the amount in micros, or `None` if it is not sold.
pub fn price(tables: &Value, request: &PlanRequest, period: Period) -> Option<i128> {
    Naive {
        tables,
        request,
        period,
    }
    .total()
}

struct Naive<'a> {
    tables: &'a Value,
    request: &'a PlanRequest,
    period: Period,
}

fn rows<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn word<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

fn number(value: &Value, key: &str) -> Option<i64> {
    value.get(key).and_then(Value::as_integer)
}

fn lists(value: &Value, key: &str, wanted: &str) -> bool {
    rows(value, key)
        .iter()
        .any(|listed| listed.as_str() == Some(wanted))
}

/// Decimal text in micros, by splitting at the point.
fn micros(text: &str) -> i128 {
    let mut parts = text.split('.');
    let whole: i128 = parts.next().unwrap().parse().unwrap();
    let fraction = parts.next().unwrap_or("");
    let padded = format!("{fraction}000000");
    whole * 1_000_000 + padded[..6].parse::<i128>().unwrap()
}

fn fits(range: Option<&Value>, value: i64) -> bool {
    let Some(range) = range else { return false };
    let mut sold = number(range, "min").unwrap();
    let (max, step) = (
        number(range, "max").unwrap(),
        number(range, "step").unwrap(),
    );
    while sold < value && sold < max {
        sold += step;
    }
    sold == value && value <= max
}

impl<'a> Naive<'a> {
    fn site(&self) -> &'static str {
        if self.request.site == Site::International {
            "international"
        } else {
            "domestic"
        }
    }

    fn unit(&self) -> &'static str {
        if self.period == Period::Hour {
            "hour"
        } else {
            "month"
        }
    }

    fn default_word(&self, key: &str) -> Option<&'a str> {
        word(&self.tables["default"], key)
    }

    fn default_number(&self, key: &str) -> Option<i64> {
        number(&self.tables["default"], key)
    }

    fn total(&self) -> Option<i128> {
        let edition = self.edition()?;
        self.place_fits(edition)?;
        let version = self
            .request
            .version
            .as_deref()
            .or(self.default_word("version"))?;
        rows(self.tables, "version_offered")
            .iter()
            .find(|row| word(row, "id") == Some(version))?;
        self.retention_fits(edition)?;
        let each_period = match word(edition, "model")? {
            "ladder" => self.ladder(edition)?,
            "package" => self.package(edition)?,
            "bands" => self.bands(edition)?,
            "nodes" => self.nodes(edition, version)?,
            other => panic!("unknown model {other}"),
        };
        match self.period {
            Period::Hour => Some(each_period),
            Period::Months(months) => {
                let sold = rows(&self.tables["terms"], "months").iter();
                let sold = sold
                    .filter_map(Value::as_integer)
                    .any(|length| i128::from(length) == months);
                sold.then_some(each_period * months)
            }
        }
    }

    fn edition(&self) -> Option<&'a Value> {
        let code = self
            .request
            .edition
            .as_deref()
            .or(self.default_word("edition"))?;
        let edition = rows(self.tables, "edition")
            .iter()
            .find(|row| word(row, "code") == Some(code))?;
        let sold = rows(edition, "sold")
            .iter()
            .find(|row| word(row, "site") == Some(self.site()))?;
        lists(sold, "terms", self.unit()).then_some(edition)
    }

    fn place_fits(&self, edition: &Value) -> Option<()> {
        let region = rows(self.tables, "region")
            .iter()
            .find(|row| word(row, "id") == Some(&self.request.region))?;
        let zones = &self.request.zones;
        fits(edition.get("zones"), i64::try_from(zones.len()).unwrap()).then_some(())?;
        for zone in zones {
            let known = |row: &Value| word(row, "id") == Some(zone);
            let there = rows(region, "zones").iter().any(known)
                || rows(self.tables, "shared_zone").iter().any(known);
            there.then_some(())?;
            (zones.iter().filter(|other| *other == zone).count() == 1).then_some(())?;
        }
        Some(())
    }

    fn retention_fits(&self, edition: &Value) -> Option<()> {
        let rule = &edition["retention_minutes"];
        let mut max = number(rule, "max")?;
        if self.request.prepaid {
            max = number(rule, "prepaid_max").unwrap_or(max);
        }
        let minutes = self.request.retention_minutes.or(number(rule, "default"))?;
        (number(rule, "min")? <= minutes && minutes <= max).then_some(())
    }

    fn group(&self) -> i64 {
        let group = rows(self.tables, "region_group")
            .iter()
            .find(|row| lists(row, "regions", &self.request.region));
        number(group.unwrap(), "id").unwrap()
    }

    fn column(&self, row: &'a Value) -> Option<&'a Value> {
        rows(row, "price").iter().find(|price| {
            word(price, "site").unwrap_or("domestic") == self.site()
                && number(price, "group") == Some(self.group())
        })
    }

    /// Month to hour as the file's rule says, with the rest of the division rounded up.
    fn hour_of(&self, month: i128) -> Option<i128> {
        let rule = self.tables.get("hour_from_month")?;
        let (over, under) = (
            i128::from(number(rule, "numerator")?),
            i128::from(number(rule, "denominator")?),
        );
        let mut hour = month * over / under;
        while hour * under < month * over {
            hour += 1;
        }
        Some(hour)
    }

    fn listed(&self, row: &'a Value) -> Option<i128> {
        let column = self.column(row)?;
        match (self.period, word(column, "hour"), word(column, "month")) {
            (Period::Hour, Some(hour), _) => Some(micros(hour)),
            (Period::Hour, None, month) => self.hour_of(micros(month?)),
            (Period::Months(_), _, month) => Some(micros(month?)),
        }
    }

    fn addon(
        &self,
        kind: &str,
        edition: &Value,
        disk_type: Option<&str>,
        quantity: i64,
    ) -> Option<i128> {
        let code = word(edition, "code")?;
        let addon = rows(self.tables, "addon").iter().find(|row| {
            word(row, "kind") == Some(kind)
                && (row.get("editions").is_none() || lists(row, "editions", code))
                && (row.get("disk_types").is_none()
                    || disk_type.is_some_and(|disk| lists(row, "disk_types", disk)))
        })?;
        let mut units = 0;
        while units * number(addon, "unit")? < quantity {
            units += 1;
        }
        Some(self.listed(addon)? * i128::from(units))
    }

    fn disk_type(&self, edition: &Value, asked: Option<&'a str>) -> Option<&'a str> {
        let code = asked.or(self.default_word("disk_type"))?;
        lists(edition, "disk_types", code).then_some(code)
    }

    fn spec(&self, edition: &Value) -> Option<&'a Value> {
        let mut specs = rows(self.tables, "spec").iter().filter(|row| {
            word(row, "edition") == word(edition, "code")
                && word(row, "site").is_none_or(|only| only == self.site())
        });
        match &self.request.spec {
            Some(code) => specs.find(|row| word(row, "code") == Some(code)),
            None => {
                let mbps = self
                    .request
                    .bandwidth_mbps
                    .or(self.default_number("bandwidth_mbps"))?;
                specs.find(|row| number(row, "bandwidth_mbps") == Some(mbps))
            }
        }
    }

    fn public(&self, edition: &Value, row: Option<&Value>) -> Option<i128> {
        let Some(public) = edition.get("public") else {
            return (self.request.public_mbit.unwrap_or(0) == 0).then_some(0);
        };
        let by_deployment = public["by_deployment"].as_bool()?;
        if by_deployment && !self.request.deploy_public {
            return self.addon("public", edition, None, 0);
        }
        let mbit = match self.request.public_mbit {
            None if by_deployment => return None,
            asked => asked.unwrap_or(0),
        };
        let range = row
            .and_then(|row| row.get("public_mbit"))
            .or(public.get("mbit"));
        fits(range, mbit).then_some(())?;
        self.addon("public", edition, None, mbit)
    }

    fn ladder(&self, edition: &Value) -> Option<i128> {
        let spec = self.spec(edition)?;
        let disk_type = self.disk_type(edition, self.request.disk_type.as_deref())?;
        let disk_gb = self.request.disk_gb.or(self.default_number("disk_gb"))?;
        fits(spec.get("disk_gb"), disk_gb).then_some(())?;
        let counts = match self.request.partitions {
            None => {
                let topics = self.request.topics?;
                let rule = &spec["topics"];
                (number(rule, "min")? <= topics && topics <= number(rule, "max")?).then_some(())?;
                self.addon("topics", edition, None, topics - number(rule, "included")?)?
            }
            Some(partitions) => {
                let rule = &spec["partitions"];
                let included = number(rule, "included")?;
                (0 <= partitions && included + partitions <= number(rule, "max")?).then_some(())?;
                if let Some(topics) = self.request.topics {
                    let extra =
                        i128::from(topics) - i128::from(number(&spec["topics"], "included")?);
                    let same = extra * i128::from(number(edition, "partitions_per_extra_topic")?)
                        == i128::from(partitions);
                    (same || topics == included + partitions).then_some(())?;
                }
                self.addon("partitions", edition, None, partitions)?
            }
        };
        let disk = self.addon("disk", edition, Some(disk_type), disk_gb)?;
        Some(self.listed(spec)? + disk + counts + self.public(edition, Some(spec))?)
    }

    fn package(&self, edition: &Value) -> Option<i128> {
        let spec = self.spec(edition)?;
        let disk_type = self.disk_type(edition, self.request.disk_type.as_deref())?;
        let own = number(&spec["fixed"], "disk_gb")?;
        let asked = self.request.disk_gb.unwrap_or(own);
        let fixed =
            |asked: Option<i64>, key: &str| asked.is_none() || asked == number(&spec["fixed"], key);
        let mbps = spec.get("bandwidth_mbps").and_then(Value::as_integer);
        (fixed(self.request.partitions, "partitions")
            && fixed(self.request.topics, "topics")
            && self
                .request
                .bandwidth_mbps
                .is_none_or(|asked| Some(asked) == mbps)
            && asked >= own)
            .then_some(())?;
        (asked == own || fits(edition.get("disk_gb"), asked)).then_some(())?;
        let disk = self.addon("disk", edition, Some(disk_type), asked - own)?;
        Some(self.listed(spec)? + disk + self.public(edition, None)?)
    }

    fn bands(&self, edition: &Value) -> Option<i128> {
        let asked = |value: Option<i64>, key: &str| {
            let value = value.or(self.default_number(key))?;
            fits(edition.get(key), value).then_some(value)
        };
        let mbps = self
            .request
            .bandwidth_mbps
            .or(self.default_number("bandwidth_mbps"))?;
        let code = word(edition, "code")?;
        let band = rows(self.tables, "band")
            .iter()
            .find(|band| lists(band, "editions", code) && fits(band.get("mbps"), mbps))?;
        let column = self.column(band)?;
        let mut month = micros(word(column, "base")?);
        let mut at = number(&band["mbps"], "min")?;
        while at < mbps {
            month += micros(word(column, "per_step")?);
            at += number(&band["mbps"], "step")?;
        }
        let base = if self.period == Period::Hour {
            self.hour_of(month)?
        } else {
            month
        };
        let partitions = asked(self.request.partitions, "partitions")?;
        asked(self.request.topics, "topics")?;
        let disk_gb = asked(self.request.disk_gb, "disk_gb")?;
        let mut included = 0;
        for row in rows(self.tables, "included_partitions") {
            if number(row, "from_mbps")? <= mbps {
                included = included.max(number(row, "partitions")?);
            }
        }
        let disk_type = self.disk_type(edition, self.request.disk_type.as_deref())?;
        let extra = self.addon("partitions", edition, None, partitions - included)?;
        let disk = self.addon("disk", edition, Some(disk_type), disk_gb)?;
        Some(base + extra + disk + self.public(edition, None)?)
    }

    fn nodes(&self, edition: &Value, version: &str) -> Option<i128> {
        // The embedded catalogs have one role, and a role is named once: so there is one group.
        let [group] = self.request.nodes.as_slice() else {
            return None;
        };
        lists(edition, "roles", &group.role).then_some(())?;
        let code = group.class.as_deref().or(self.default_word("node_class"))?;
        let class = rows(self.tables, "node_class")
            .iter()
            .find(|row| word(row, "code") == Some(code))?;
        lists(class, "versions", version).then_some(())?;
        let count = group.count.or(self.default_number("node_count"))?;
        fits(edition.get("node_count"), count).then_some(())?;
        let disk_type = self.disk_type(edition, group.disk_type.as_deref())?;
        let disk_gb = group.disk_gb.or(self.default_number("disk_gb"))?;
        fits(edition.get("disk_gb"), disk_gb).then_some(())?;
        let each = self.listed(class)? + self.addon("disk", edition, Some(disk_type), disk_gb)?;
        self.public(edition, None)?;
        let times = if class.get("cluster_mbps").is_some() {
            1
        } else {
            count
        };
        Some(each * i128::from(times))
    }
}
