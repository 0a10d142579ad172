//! A metrics page, taken apart by the rules of OpenMetrics 1.0 as far as the nodes use them; whatever breaks one is
//! an error.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::http_get;

/// Labels of a sample, by name.
type Labels = BTreeMap<String, String>;

/// A page.
#[derive(Debug, Default)]
pub struct Exposition {
    samples: BTreeMap<(String, Labels), f64>,
    types: BTreeMap<String, String>,
}

impl Exposition {
    /// The page of the node at `address`.
    pub fn of(address: Ipv4Addr) -> Exposition {
        let (code, text) = http_get(address, "/metrics").unwrap_or_else(|| panic!("{address} has no admin side"));
        assert_eq!(code, 200);
        Exposition::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// Sum of the samples of this name that have these labels, whatever others they have; 0 if there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |has: &Labels| labels.iter().all(|(key, value)| has.get(*key).is_some_and(|v| v == value));
        self.samples.iter().filter(|((one, has), _)| one == name && fits(has)).map(|(_, value)| value).sum()
    }

    /// The one sample of this name, without labels.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.samples.get(&(name.to_owned(), Labels::new())).copied()
    }

    /// Names of families with their types.
    pub fn families(&self) -> &BTreeMap<String, String> {
        &self.types
    }

    /// Names of samples.
    pub fn names(&self) -> BTreeSet<&str> {
        self.samples.keys().map(|(name, _)| name.as_str()).collect()
    }

    /// Takes a page apart.
    pub fn parse(text: &str) -> Result<Exposition, String> {
        let body = text.strip_suffix("# EOF\n").ok_or("it does not end in # EOF")?;
        let mut page = Exposition::default();
        let mut helped = BTreeSet::new();
        let mut current: Option<String> = None;
        for line in body.lines() {
            let read = match line.strip_prefix("# ") {
                Some(rest) => page.comment(rest, &mut helped).map(|family| current = Some(family)),
                None => page.sample(line, current.as_deref()),
            };
            read.map_err(|error| format!("{error}: {line}"))?;
        }
        page.check_histograms()?;
        Ok(page)
    }

    /// HELP, then TYPE: answers the family that they are about.
    fn comment(&mut self, rest: &str, helped: &mut BTreeSet<String>) -> Result<String, String> {
        let mut words = rest.splitn(3, ' ');
        let (Some(kind), Some(name), Some(what)) = (words.next(), words.next(), words.next()) else {
            return Err("neither HELP nor TYPE".into());
        };
        if !is_name(name, true) {
            return Err("a name that cannot be one".into());
        }
        match kind {
            "HELP" if what.is_empty() => Err("no help".into()),
            "HELP" => helped.insert(name.to_owned()).then(|| name.to_owned()).ok_or("a family comes twice".into()),
            "TYPE" if !helped.contains(name) => Err("TYPE before HELP".into()),
            "TYPE" if !["counter", "gauge", "histogram", "info"].contains(&what) => Err("an unknown type".into()),
            "TYPE" => match self.types.insert(name.to_owned(), what.to_owned()) {
                None => Ok(name.to_owned()),
                Some(_) => Err("a second TYPE".into()),
            },
            _ => Err("neither HELP nor TYPE".into()),
        }
    }

    fn sample(&mut self, line: &str, family: Option<&str>) -> Result<(), String> {
        let family = family.ok_or("a sample before any family")?;
        let kind = self.types.get(family).ok_or("a family without TYPE")?.as_str();
        let end = line.find(['{', ' ']).ok_or("no value")?;
        let (name, rest) = line.split_at(end);
        let suffix = name.strip_prefix(family).ok_or("a sample of another family")?;
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => &[""],
        };
        if !suffixes.contains(&suffix) {
            return Err(format!("a suffix that no {kind} has"));
        }
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Labels::new(), rest),
        };
        let value = rest.strip_prefix(' ').ok_or("no space before the value")?;
        let value: f64 = value.parse().map_err(|_| "the value is no number")?;
        if !value.is_finite() || (kind != "gauge" && value < 0.0) {
            return Err(format!("a value that no {kind} has"));
        }
        match self.samples.insert((name.to_owned(), labels), value) {
            None => Ok(()),
            Some(_) => Err("the sample comes twice".into()),
        }
    }

    /// Buckets are cumulative and end in `+Inf`, which is the count.
    fn check_histograms(&self) -> Result<(), String> {
        for family in self.types.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name) {
            let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
            let bucket = format!("{family}_bucket");
            for ((_, labels), value) in self.samples.iter().filter(|((name, _), _)| *name == bucket) {
                let mut labels = labels.clone();
                let bound = labels.remove("le").ok_or_else(|| format!("a bucket of {family} without le"))?;
                let bound: f64 = bound.parse().map_err(|_| format!("a bound of {family} that is no number"))?;
                series.entry(labels).or_default().push((bound, *value));
            }
            for (labels, mut buckets) in series {
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                let of = |suffix: &str| self.samples.get(&(format!("{family}{suffix}"), labels.clone()));
                let ends =
                    buckets.last().is_some_and(|(bound, count)| bound.is_infinite() && Some(count) == of("_count"));
                if !buckets.is_sorted_by(|a, b| a.1 <= b.1) || !ends || of("_sum").is_none() {
                    return Err(format!("{family} {labels:?} is no histogram"));
                }
            }
        }
        Ok(())
    }
}

fn is_name(name: &str, may_have_colon: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (may_have_colon && c == ':');
    name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(fits)
}

/// What follows `{`: labels, and what comes after `}`.
fn labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("a label without value")?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().ok_or("a label's value does not end")? {
                (end, '"') => break end,
                (_, '\\') => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, c @ ('"' | '\\'))) => value.push(c),
                    _ => return Err("an escape that there is not".into()),
                },
                (_, c) => value.push(c),
            }
        };
        if !is_name(name, false) || labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("the label {name}"));
        }
        rest = &after[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return rest.strip_prefix('}').map(|rest| (labels, rest)).ok_or("labels do not end".into()),
        }
    }
}
