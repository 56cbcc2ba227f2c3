//! What a catalog must be beyond its shape. Each rule that is broken names file and key.

use std::collections::{BTreeMap, BTreeSet};

use super::load::{CatalogError, SCHEMA};
use super::report::{OWN, element_label};
use super::request::Site;
use super::schema::{
    Addon, BandPrice, CatalogFile, Edition, Growth, Model, NodeClass, Price, Range, Spec, TermUnit,
};
use crate::money::Money;

/// Most instances that a catalog may let one order buy.
const BATCH_MAX: u32 = 100;

/// Checks a whole catalog; the first fault ends it.
pub(super) fn check(
    file_name: &str,
    file: &CatalogFile,
    tables: &toml::Table,
) -> Result<(), CatalogError> {
    Checker {
        name: file_name,
        file,
    }
    .check_all(tables)
}

struct Checker<'a> {
    name: &'a str,
    file: &'a CatalogFile,
}

type Checked = Result<(), CatalogError>;

impl Checker<'_> {
    fn check_all(&self, tables: &toml::Table) -> Checked {
        if self.file.schema != SCHEMA {
            return Err(CatalogError::Schema {
                file: self.name.to_owned(),
                found: self.file.schema,
            });
        }
        self.check_head()?;
        self.check_unique()?;
        self.check_regions()?;
        self.file
            .edition
            .iter()
            .try_for_each(|edition| self.check_edition(edition))?;
        self.file
            .spec
            .iter()
            .try_for_each(|spec| self.check_spec(spec))?;
        self.check_bands()?;
        self.file
            .node_class
            .iter()
            .try_for_each(|class| self.check_node_class(class))?;
        self.file
            .addon
            .iter()
            .enumerate()
            .try_for_each(|(index, addon)| self.check_addon(index, addon))?;
        self.check_versions_sold()?;
        self.check_references()?;
        self.check_documentation(&toml::Value::Table(tables.clone()), "")
    }

    fn rule(&self, holds: bool, key: &str, rule: &'static str) -> Checked {
        if holds {
            return Ok(());
        }
        Err(CatalogError::Rule {
            file: self.name.to_owned(),
            key: key.to_owned(),
            rule,
        })
    }

    fn unknown(&self, key: &str, value: &str) -> CatalogError {
        CatalogError::Unknown {
            file: self.name.to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    fn unique<'v>(&self, key: &str, values: impl IntoIterator<Item = &'v str>) -> Checked {
        let mut seen = BTreeSet::new();
        for value in values {
            if !seen.insert(value) {
                return Err(CatalogError::Duplicate {
                    file: self.name.to_owned(),
                    key: key.to_owned(),
                    value: value.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn range(&self, key: &str, range: Range) -> Checked {
        let Range { min, max, step } = range;
        let whole = step > 0 && max.checked_sub(min).is_some_and(|width| width % step == 0);
        if min >= 0 && min <= max && whole {
            return Ok(());
        }
        Err(CatalogError::Range {
            file: self.name.to_owned(),
            key: key.to_owned(),
            min,
            max,
            step,
        })
    }

    fn not_negative(&self, key: &str, price: Option<Money>) -> Checked {
        match price {
            Some(price) if price.is_negative() => Err(CatalogError::NegativePrice {
                file: self.name.to_owned(),
                key: key.to_owned(),
                price,
            }),
            _ => Ok(()),
        }
    }

    fn check_head(&self) -> Checked {
        let file = self.file;
        self.rule(!file.profile.is_empty(), "profile", "must not be empty")?;
        self.rule(!file.version.is_empty(), "version", "must not be empty")?;
        self.rule(
            (1..=BATCH_MAX).contains(&file.batch_max),
            "batch_max",
            "must be from 1 to 100",
        )?;
        if let Some(rule) = &file.hour_from_month {
            self.rule(
                rule.numerator >= 0 && rule.denominator > 0,
                "hour_from_month",
                "must be a ratio of positive numbers",
            )?;
        }
        let terms = &file.terms;
        self.rule(
            !terms.months.contains(&0),
            "terms.months",
            "must not contain 0",
        )?;
        self.rule(
            terms.months.contains(&terms.months_default),
            "terms.months_default",
            "must be one of terms.months",
        )?;
        self.rule(
            terms.general_order_months_step > 0,
            "terms.general_order_months_step",
            "must be at least 1",
        )?;
        let lifecycle = &file.lifecycle;
        self.rule(
            lifecycle.charge_quantum_s > 0,
            "lifecycle.charge_quantum",
            "must be longer than nothing",
        )?;
        self.rule(
            !lifecycle.time_zone.is_empty(),
            "lifecycle.time_zone",
            "must not be empty",
        )
    }

    fn check_unique(&self) -> Checked {
        let file = self.file;
        let months: Vec<String> = file.terms.months.iter().map(u32::to_string).collect();
        self.unique("terms.months", months.iter().map(String::as_str))?;
        let sites: Vec<String> = file
            .site
            .iter()
            .map(|site| format!("{:?}", site.id))
            .collect();
        self.unique("site", sites.iter().map(String::as_str))?;
        let groups: Vec<String> = file
            .region_group
            .iter()
            .map(|group| group.id.to_string())
            .collect();
        self.unique("region_group", groups.iter().map(String::as_str))?;
        self.unique(
            "region",
            file.region.iter().map(|region| region.id.as_str()),
        )?;
        self.unique(
            "version_offered",
            file.version_offered
                .iter()
                .map(|version| version.id.as_str()),
        )?;
        self.unique(
            "disk_type",
            file.disk_type.iter().map(|disk| disk.code.as_str()),
        )?;
        self.unique(
            "edition",
            file.edition.iter().map(|edition| edition.code.as_str()),
        )?;
        self.unique(
            "node_class",
            file.node_class.iter().map(|class| class.code.as_str()),
        )?;
        let specs: Vec<String> = file
            .spec
            .iter()
            .map(|spec| format!("{}/{}", spec.edition, spec.code))
            .collect();
        self.unique("spec", specs.iter().map(String::as_str))?;
        let included: Vec<String> = file
            .included_partitions
            .iter()
            .map(|row| row.from_mbps.to_string())
            .collect();
        self.unique("included_partitions", included.iter().map(String::as_str))
    }

    fn check_regions(&self) -> Checked {
        for region in &self.file.region {
            let groups = self.file.region_group.iter();
            let groups: usize = groups
                .map(|group| group.regions.iter().filter(|id| **id == region.id).count())
                .sum();
            if groups != 1 {
                return Err(CatalogError::RegionGroups {
                    file: self.name.to_owned(),
                    region: region.id.clone(),
                    groups,
                });
            }
            let zones: Vec<&str> = region
                .zones
                .iter()
                .chain(&self.file.shared_zone)
                .map(|zone| zone.id.as_str())
                .collect();
            let key = format!("region[{}].zones", region.id);
            self.rule(!zones.is_empty(), &key, "a region needs a zone")?;
            self.unique(&key, zones)?;
        }
        for group in &self.file.region_group {
            for id in &group.regions {
                if !self.file.region.iter().any(|region| region.id == *id) {
                    return Err(self.unknown(&format!("region_group[{}].regions", group.id), id));
                }
            }
        }
        Ok(())
    }

    fn check_edition(&self, edition: &Edition) -> Checked {
        let at = |key: &str| format!("edition[{}].{key}", edition.code);
        let ranges = [
            ("topics", edition.topics),
            ("partitions", edition.partitions),
            ("disk_gb", edition.disk_gb),
            ("node_count", edition.node_count),
            (
                "public.mbit",
                edition.public.as_ref().and_then(|public| public.mbit),
            ),
            ("zones", Some(edition.zones)),
        ];
        for (key, range) in ranges {
            range.map_or(Ok(()), |range| self.range(&at(key), range))?;
        }
        self.rule(edition.brokers > 0, &at("brokers"), "must be at least 1")?;
        self.rule(!edition.sold.is_empty(), &at("sold"), "must name a site")?;
        self.rule(
            !edition.disk_types.is_empty(),
            &at("disk_types"),
            "must name a disk type",
        )?;
        self.rule(
            edition.disk_divisor > 0,
            &at("disk_divisor"),
            "must be at least 1",
        )?;
        self.rule(
            edition.topics_factor > 0,
            &at("topics_factor"),
            "must be at least 1",
        )?;
        let retention = &edition.retention_minutes;
        let prepaid_max = retention.prepaid_max.unwrap_or(retention.max);
        let ordered = 0 < retention.min
            && retention.min <= retention.default
            && retention.default <= retention.max
            && retention.default <= prepaid_max;
        self.rule(
            ordered,
            &at("retention_minutes"),
            "needs 0 < min <= default <= max",
        )?;
        let message = &edition.message_bytes;
        self.rule(
            0 < message.default && message.default <= message.max,
            &at("message_bytes"),
            "needs 0 < default <= max",
        )?;
        self.rule(
            edition.elastic_bandwidth_percent >= 0,
            &at("elastic_bandwidth_percent"),
            "must not be negative",
        )?;
        let marks = edition.disk_marks;
        let rising = marks.expire_percent <= marks.trim_percent
            && marks.trim_percent <= marks.refuse_percent;
        self.rule(
            rising && marks.refuse_percent <= 100,
            &at("disk_marks"),
            "must rise and end at 100 or below",
        )?;
        self.check_growth(&at("connections"), Some(&edition.connections))?;
        self.check_growth(
            &at("public_connections"),
            edition.public_connections.as_ref(),
        )?;
        self.check_model(edition)
    }

    fn check_growth(&self, key: &str, rule: Option<&Growth>) -> Checked {
        let holds = rule.is_none_or(|rule| {
            rule.step_mbps > 0 && rule.per_step >= 0 && 0 <= rule.base && rule.base <= rule.max
        });
        self.rule(
            holds,
            key,
            "needs 0 <= base <= max, per_step >= 0 and step_mbps > 0",
        )
    }

    /// Each way to sell needs its own figures, so that planning never meets a gap.
    fn check_model(&self, edition: &Edition) -> Checked {
        let at = |key: &str| format!("edition[{}].{key}", edition.code);
        let specs = || {
            self.file
                .spec
                .iter()
                .filter(|spec| spec.edition == edition.code)
        };
        let has_bands = self
            .file
            .band
            .iter()
            .any(|band| band.editions.contains(&edition.code));
        let bands_complete = has_bands
            && edition.partitions.is_some()
            && edition.topics.is_some()
            && edition.disk_gb.is_some();
        let nodes_complete = !edition.roles.is_empty()
            && edition.node_count.is_some_and(|range| range.min > 0)
            && edition.partitions_per_broker.is_some_and(|count| count > 0)
            && edition.disk_gb.is_some();
        let disk_known = |spec: &Spec| spec.disk_gb.or(edition.disk_gb).is_some();
        let ladder_row =
            |spec: &Spec| spec.topics.is_some() && spec.partitions.is_some() && disk_known(spec);
        let (holds, rule) = match edition.model {
            Model::Ladder => (
                specs().next().is_some()
                    && specs().all(ladder_row)
                    && edition.partitions_per_extra_topic.is_some_and(|n| n > 0),
                "a ladder needs rows with topics, partitions and disk_gb, and partitions_per_extra_topic",
            ),
            Model::Package => (
                specs().next().is_some()
                    && specs().all(|spec| spec.fixed.is_some())
                    && edition.disk_gb.is_some(),
                "packages need rows with fixed figures, and disk_gb",
            ),
            Model::Bands => (
                bands_complete,
                "bands need a band, partitions, topics and disk_gb",
            ),
            Model::Nodes => (
                nodes_complete,
                "nodes need roles, node_count, partitions_per_broker and disk_gb",
            ),
        };
        self.rule(holds, &at("model"), rule)
    }

    fn check_spec(&self, spec: &Spec) -> Checked {
        let at = |key: &str| format!("spec[{}/{}].{key}", spec.edition, spec.code);
        let Some(edition) = self
            .file
            .edition
            .iter()
            .find(|edition| edition.code == spec.edition)
        else {
            return Err(self.unknown(&at("edition"), &spec.edition));
        };
        for (key, range) in [("disk_gb", spec.disk_gb), ("public_mbit", spec.public_mbit)] {
            range.map_or(Ok(()), |range| self.range(&at(key), range))?;
        }
        if let Some(topics) = &spec.topics {
            self.range(
                &at("topics"),
                Range {
                    min: topics.min,
                    max: topics.max,
                    step: 1,
                },
            )?;
            let holds = topics.included >= 0 && topics.partitions >= 0;
            self.rule(holds, &at("topics"), "must not be negative")?;
        }
        if let Some(partitions) = &spec.partitions {
            self.range(
                &at("partitions"),
                Range {
                    min: partitions.included,
                    max: partitions.max,
                    step: 1,
                },
            )?;
        }
        if let Some(fixed) = &spec.fixed {
            let holds = fixed.topics > 0 && fixed.partitions > 0 && fixed.disk_gb > 0;
            self.rule(holds, &at("fixed"), "must be more than nothing")?;
        }
        let traffic = spec.bandwidth_mbps > 0 && spec.write_mbps > 0 && spec.read_mbps > 0;
        self.rule(
            traffic,
            &at("bandwidth_mbps"),
            "bandwidth, write_mbps and read_mbps must be more than nothing",
        )?;
        // A row may be left out on a site by having no price there; it must be whole on the others.
        let priced = |site: Site| spec.price.iter().any(|price| price.site == site);
        let sites: Vec<&super::schema::Sold> = edition
            .sold
            .iter()
            .filter(|sold| spec.site.is_none_or(|only| only == sold.site) && priced(sold.site))
            .collect();
        self.rule(
            !sites.is_empty(),
            &at("price"),
            "needs a price on a site where the edition is sold",
        )?;
        sites.into_iter().try_for_each(|sold| {
            self.check_prices(&at("price"), &spec.price, sold.site, &sold.terms)
        })?;
        self.check_price_rows(&at("price"), &spec.price)
    }

    /// Every region group must have a price for each unit of time that is sold on the site.
    fn check_prices(&self, key: &str, prices: &[Price], site: Site, terms: &[TermUnit]) -> Checked {
        for group in &self.file.region_group {
            let row = prices
                .iter()
                .find(|price| price.site == site && price.group == group.id);
            let month = row.is_some_and(|row| row.month.is_some());
            let hour = row.is_some_and(|row| row.hour.is_some())
                || (month && self.file.hour_from_month.is_some());
            for unit in terms {
                let (there, unit) = match unit {
                    TermUnit::Month => (month, "month"),
                    TermUnit::Hour => (hour, "hour"),
                };
                if !there {
                    return Err(self.no_price(key, site, group.id, unit));
                }
            }
        }
        Ok(())
    }

    fn no_price(&self, key: &str, site: Site, group: u32, unit: &'static str) -> CatalogError {
        CatalogError::NoPrice {
            file: self.name.to_owned(),
            key: key.to_owned(),
            site,
            group,
            unit,
        }
    }

    /// One row for each column, in groups that exist, and nothing below zero.
    fn check_price_rows(&self, key: &str, prices: &[Price]) -> Checked {
        for price in prices {
            self.not_negative(key, price.month)?;
            self.not_negative(key, price.hour)?;
        }
        self.check_columns(key, prices.iter().map(|price| (price.site, price.group)))
    }

    fn check_columns(&self, key: &str, columns: impl Iterator<Item = (Site, u32)>) -> Checked {
        let mut seen = BTreeSet::new();
        for (site, group) in columns {
            let label = format!("{site:?} {group}");
            let known = self.file.region_group.iter().any(|row| row.id == group)
                && self.file.site.iter().any(|row| row.id == site);
            if !known {
                return Err(self.unknown(key, &label));
            }
            if !seen.insert((site, group)) {
                return Err(CatalogError::Duplicate {
                    file: self.name.to_owned(),
                    key: key.to_owned(),
                    value: label,
                });
            }
        }
        Ok(())
    }

    fn check_bands(&self) -> Checked {
        let mut taken: BTreeMap<&str, Vec<Range>> = BTreeMap::new();
        for (index, band) in self.file.band.iter().enumerate() {
            let key = format!("band[{index}]");
            self.range(&format!("{key}.mbps"), band.mbps)?;
            for code in &band.editions {
                let Some(edition) = self
                    .file
                    .edition
                    .iter()
                    .find(|edition| edition.code == *code)
                else {
                    return Err(self.unknown(&format!("{key}.editions"), code));
                };
                let ranges = taken.entry(code).or_default();
                let apart = ranges
                    .iter()
                    .all(|other| other.max < band.mbps.min || band.mbps.max < other.min);
                self.rule(
                    apart,
                    &format!("{key}.mbps"),
                    "must not overlap another band of the edition",
                )?;
                ranges.push(band.mbps);
                self.check_band_sold(&format!("{key}.price"), &band.price, edition)?;
            }
            for price in &band.price {
                self.not_negative(&format!("{key}.price.base"), Some(price.base))?;
                self.not_negative(&format!("{key}.price.per_step"), Some(price.per_step))?;
            }
            self.check_columns(
                &format!("{key}.price"),
                band.price.iter().map(|price| (price.site, price.group)),
            )?;
        }
        let rows = self.file.included_partitions.iter();
        let holds = rows
            .clone()
            .all(|row| row.from_mbps >= 0 && row.partitions >= 0);
        self.rule(holds, "included_partitions", "must not be negative")
    }

    fn check_band_sold(&self, key: &str, prices: &[BandPrice], edition: &Edition) -> Checked {
        for sold in &edition.sold {
            for group in &self.file.region_group {
                if !prices
                    .iter()
                    .any(|price| price.site == sold.site && price.group == group.id)
                {
                    return Err(self.no_price(key, sold.site, group.id, "month"));
                }
            }
            let hour = sold.terms.contains(&TermUnit::Hour);
            self.rule(
                !hour || self.file.hour_from_month.is_some(),
                "hour_from_month",
                "bands sold by the hour need it",
            )?;
        }
        Ok(())
    }

    /// Where nodes are sold, their class says which versions run on it: one that none of them names cannot be bought.
    fn check_versions_sold(&self) -> Checked {
        let classes = &self.file.node_class;
        for version in self
            .file
            .version_offered
            .iter()
            .filter(|_| !classes.is_empty())
        {
            self.rule(
                classes
                    .iter()
                    .any(|class| class.versions.contains(&version.id)),
                &format!("version_offered[{}]", version.id),
                "runs on no node class",
            )?;
        }
        Ok(())
    }

    fn check_node_class(&self, class: &NodeClass) -> Checked {
        let at = |key: &str| format!("node_class[{}].{key}", class.code);
        for version in &class.versions {
            if !self
                .file
                .version_offered
                .iter()
                .any(|offered| offered.id == *version)
            {
                return Err(self.unknown(&at("versions"), version));
            }
        }
        let both_or_none = class.cluster_mbps.is_some() == class.business_mbps.is_some();
        self.rule(
            both_or_none,
            &at("cluster_mbps"),
            "stands with business_mbps, or not at all",
        )?;
        let positive = [class.cluster_mbps, class.business_mbps]
            .into_iter()
            .flatten()
            .all(|mbps| mbps > 0);
        self.rule(positive, &at("cluster_mbps"), "must be more than nothing")?;
        for edition in self
            .file
            .edition
            .iter()
            .filter(|edition| edition.model == Model::Nodes)
        {
            for sold in &edition.sold {
                self.check_prices(&at("price"), &class.price, sold.site, &sold.terms)?;
            }
        }
        self.check_price_rows(&at("price"), &class.price)
    }

    fn check_addon(&self, index: usize, addon: &Addon) -> Checked {
        let key = format!("addon[{index}]");
        self.rule(addon.unit > 0, &format!("{key}.unit"), "must be at least 1")?;
        for code in addon.editions.iter().flatten() {
            if !self
                .file
                .edition
                .iter()
                .any(|edition| edition.code == *code)
            {
                return Err(self.unknown(&format!("{key}.editions"), code));
            }
        }
        for code in addon.disk_types.iter().flatten() {
            if !self.file.disk_type.iter().any(|disk| disk.code == *code) {
                return Err(self.unknown(&format!("{key}.disk_types"), code));
            }
        }
        let applies = |edition: &&Edition| {
            addon
                .editions
                .as_ref()
                .is_none_or(|codes| codes.contains(&edition.code))
        };
        for edition in self.file.edition.iter().filter(applies) {
            for sold in &edition.sold {
                self.check_prices(
                    &format!("{key}.price"),
                    &addon.price,
                    sold.site,
                    &sold.terms,
                )?;
            }
        }
        self.check_price_rows(&format!("{key}.price"), &addon.price)
    }

    fn check_references(&self) -> Checked {
        let file = self.file;
        let default = &file.default;
        let edition_of = |code: &str| file.edition.iter().find(|edition| edition.code == code);
        let edition = edition_of(&default.edition)
            .ok_or_else(|| self.unknown("default.edition", &default.edition))?;
        let named = |key: &str, value: &Option<String>, known: &dyn Fn(&str) -> bool| match value {
            Some(value) if !known(value) => Err(self.unknown(key, value)),
            _ => Ok(()),
        };
        named("default.version", &default.version, &|id| {
            file.version_offered.iter().any(|version| version.id == id)
        })?;
        named("default.disk_type", &default.disk_type, &|code| {
            file.disk_type.iter().any(|disk| disk.code == code)
        })?;
        named("default.node_class", &default.node_class, &|code| {
            file.node_class.iter().any(|class| class.code == code)
        })?;
        named("default.node_role", &default.node_role, &|role| {
            edition.roles.iter().any(|known| known == role)
        })?;
        for edition in &file.edition {
            for code in &edition.disk_types {
                if !file.disk_type.iter().any(|disk| disk.code == *code) {
                    return Err(
                        self.unknown(&format!("edition[{}].disk_types", edition.code), code)
                    );
                }
            }
            for sold in &edition.sold {
                if !file.site.iter().any(|site| site.id == sold.site) {
                    return Err(self.unknown(
                        &format!("edition[{}].sold", edition.code),
                        &format!("{:?}", sold.site),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Every `source` is explained in `[sources]`, and `defaults` names keys that are there.
    fn check_documentation(&self, value: &toml::Value, at: &str) -> Checked {
        match value {
            toml::Value::Array(values) => {
                values.iter().enumerate().try_for_each(|(index, element)| {
                    self.check_documentation(
                        element,
                        &format!("{at}[{}]", element_label(element, index)),
                    )
                })
            }
            toml::Value::Table(table) => {
                let source = table.get("source").and_then(toml::Value::as_str);
                let unexplained =
                    |source: &&str| *source != OWN && !self.file.sources.contains_key(*source);
                if let Some(source) = source.filter(unexplained) {
                    return Err(self.unknown(&format!("{at}.source"), source));
                }
                for key in table
                    .get("defaults")
                    .and_then(toml::Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    let key = key.as_str().unwrap_or_default();
                    if !table.contains_key(key) {
                        return Err(self.unknown(&format!("{at}.defaults"), key));
                    }
                }
                table.iter().try_for_each(|(key, child)| {
                    self.check_documentation(child, &format!("{at}.{key}"))
                })
            }
            _ => Ok(()),
        }
    }
}
