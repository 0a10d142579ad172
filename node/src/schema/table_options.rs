//! Table options: which exist, what they may hold, what they are when not given.
//!
//! The names, defaults and bounds are those of Apache Cassandra 5.0's table options.

use std::collections::BTreeMap;

use starling_cql_lite::protocol::error::CqlError;

use super::TableOptions;
use super::compaction::canonical_compaction;
use super::error::{config, syntax};
use super::property::{Properties, PropertyValue};
use super::storage_options::{canonical_caching, canonical_compression};

/// Longest time to live: 20 years, in seconds.
pub const MAX_TTL_S: i32 = 20 * 365 * 24 * 60 * 60;
/// `gc_grace_seconds` of tables that do not set it: ten days.
pub const DEFAULT_GC_GRACE_S: u32 = 864_000;
/// Lowest false positive rate that a bloom filter is built for.
const MIN_BLOOM_FILTER_FP_CHANCE: f64 = 6.71e-5;
/// Configurations of memtables that `memtable` may name.
const MEMTABLES: [&str; 4] = ["default", "skiplist", "skiplist_sharded", "trie"];

/// How a table takes timestamps that clients send with requests, as their drivers do by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientTimestamps {
    /// They are what is written.
    Honour,
    /// The server's stamp takes their place. `USING TIMESTAMP` is honoured all the same.
    Server,
}

/// The option for [`ClientTimestamps`]: ours alone, so that it is only shown where it is set.
pub const CLIENT_TIMESTAMPS: &str = "client_timestamps";

/// The options that Cassandra has and that are kept as text, in order of name. Of them only `read_repair` steers anything
/// here.
pub const TEXT_OPTIONS: [&str; 16] = [
    "additional_write_policy",
    "allow_auto_snapshot",
    "bloom_filter_fp_chance",
    "caching",
    "cdc",
    "compaction",
    "compression",
    "crc_check_chance",
    "extensions",
    "incremental_backups",
    "max_index_interval",
    "memtable",
    "memtable_flush_period_in_ms",
    "min_index_interval",
    "read_repair",
    "speculative_retry",
];

impl Default for TableOptions {
    fn default() -> Self {
        TableOptions {
            comment: String::new(),
            gc_grace_s: DEFAULT_GC_GRACE_S,
            default_ttl_s: 0,
            texts: BTreeMap::new(),
        }
    }
}

impl TableOptions {
    /// How timestamps of clients are taken.
    pub fn client_timestamps(&self) -> ClientTimestamps {
        match self.texts.get(CLIENT_TIMESTAMPS) {
            Some(_) => ClientTimestamps::Server,
            None => ClientTimestamps::Honour,
        }
    }

    /// Whether what replicas lack is written to them when a read finds it out (`read_repair`).
    pub fn repairs_reads(&self) -> bool {
        // Only what differs from the default is kept.
        !self.texts.contains_key("read_repair")
    }

    /// The value of one of [`TEXT_OPTIONS`]: what was set, else its default.
    pub fn text_value(&self, name: &str) -> PropertyValue {
        self.texts.get(name).and_then(|text| PropertyValue::from_cql(text)).unwrap_or_else(|| default_value(name))
    }

    /// These options with `properties` set over them.
    ///
    /// # Errors
    /// Syntax for unknown names and values of the wrong kind, Config for values out of bounds.
    pub fn with_properties(&self, properties: &Properties) -> Result<TableOptions, CqlError> {
        let mut options = self.clone();
        for (name, value) in properties {
            match name.as_str() {
                "comment" => options.comment = value.as_text(name)?.to_owned(),
                "gc_grace_seconds" => options.gc_grace_s = non_negative(name, value)?,
                "default_time_to_live" => options.default_ttl_s = time_to_live(name, value)?,
                _ => options.set_text(name, canonical_value(name, value)?),
            }
        }
        options.check_intervals()?;
        Ok(options)
    }

    fn set_text(&mut self, name: &str, value: PropertyValue) {
        if value == default_value(name) {
            self.texts.remove(name);
        } else {
            self.texts.insert(name.to_owned(), value.to_cql());
        }
    }

    fn check_intervals(&self) -> Result<(), CqlError> {
        let min = self.text_value("min_index_interval").as_int("min_index_interval")?;
        let max = self.text_value("max_index_interval").as_int("max_index_interval")?;
        if min < 1 {
            return Err(config(format!("min_index_interval must be greater than or equal to 1 (got {min})")));
        }
        if max < min {
            return Err(config(format!(
                "max_index_interval must be greater than or equal to min_index_interval ({min}) (got {max})"
            )));
        }
        Ok(())
    }
}

/// What an option that is kept as text is when it is not given.
fn default_value(name: &str) -> PropertyValue {
    match name {
        "additional_write_policy" | "speculative_retry" => PropertyValue::string("99p"),
        "allow_auto_snapshot" | "incremental_backups" => PropertyValue::bare("true"),
        "bloom_filter_fp_chance" => PropertyValue::bare("0.01"),
        "caching" => PropertyValue::map(&[("keys", "ALL"), ("rows_per_partition", "NONE")]),
        "cdc" => PropertyValue::bare("false"),
        "compaction" => PropertyValue::map(&[
            ("class", "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy"),
            ("max_threshold", "32"),
            ("min_threshold", "4"),
        ]),
        "compression" => PropertyValue::map(&[
            ("chunk_length_in_kb", "16"),
            ("class", "org.apache.cassandra.io.compress.LZ4Compressor"),
        ]),
        "crc_check_chance" => PropertyValue::bare("1.0"),
        "max_index_interval" => PropertyValue::bare("2048"),
        "memtable" => PropertyValue::string("default"),
        "memtable_flush_period_in_ms" => PropertyValue::bare("0"),
        "min_index_interval" => PropertyValue::bare("128"),
        "read_repair" => PropertyValue::string("BLOCKING"),
        CLIENT_TIMESTAMPS => PropertyValue::string("honour"),
        // extensions
        _ => PropertyValue::map(&[]),
    }
}

/// Checks the value of an option that is kept as text and brings it into the form that is kept.
fn canonical_value(name: &str, value: &PropertyValue) -> Result<PropertyValue, CqlError> {
    Ok(match name {
        "additional_write_policy" | "speculative_retry" => PropertyValue::string(retry_policy(value.as_text(name)?)?),
        "allow_auto_snapshot" | "incremental_backups" | "cdc" => PropertyValue::bare(value.as_bool(name)?.to_string()),
        "bloom_filter_fp_chance" => PropertyValue::bare(format!("{:?}", bloom_filter_fp_chance(value)?)),
        "caching" => PropertyValue::Map(canonical_caching(value.as_map(name)?)?),
        "compaction" => PropertyValue::Map(canonical_compaction(value.as_map(name)?)?),
        "compression" => PropertyValue::Map(canonical_compression(value.as_map(name)?)?),
        "crc_check_chance" => {
            let chance = value.as_double(name)?;
            if !(0.0..=1.0).contains(&chance) {
                return Err(config(format!(
                    "{name} must be larger than or equal to 0 and smaller than or equal to 1.0 (got {chance:?})"
                )));
            }
            PropertyValue::bare(format!("{chance:?}"))
        }
        "max_index_interval" | "min_index_interval" => PropertyValue::bare(value.as_int(name)?.to_string()),
        "memtable" => {
            let text = value.as_text(name)?;
            if !MEMTABLES.contains(&text) {
                return Err(config(format!("Memtable configuration \"{text}\" not found.")));
            }
            PropertyValue::string(text)
        }
        "memtable_flush_period_in_ms" => PropertyValue::bare(non_negative(name, value)?.to_string()),
        "read_repair" => {
            let text = value.as_text(name)?.to_ascii_uppercase();
            if text != "BLOCKING" && text != "NONE" {
                return Err(config(format!("{name} must be BLOCKING or NONE (got {text})")));
            }
            PropertyValue::string(text)
        }
        CLIENT_TIMESTAMPS => {
            let text = value.as_text(name)?.to_ascii_lowercase();
            if text != "honour" && text != "server" {
                return Err(config(format!("{name} must be honour or server (got {text})")));
            }
            PropertyValue::string(text)
        }
        // Room for tools that write the schema tables themselves; through CQL it has no effect, as in Cassandra.
        "extensions" => value.as_map(name).map(|_| default_value(name))?,
        _ => return Err(syntax(format!("Unknown property '{name}'"))),
    })
}

fn bloom_filter_fp_chance(value: &PropertyValue) -> Result<f64, CqlError> {
    let name = "bloom_filter_fp_chance";
    let chance = value.as_double(name)?;
    if chance <= MIN_BLOOM_FILTER_FP_CHANCE || chance > 1.0 {
        return Err(config(format!(
            "{name} must be larger than {MIN_BLOOM_FILTER_FP_CHANCE:?} and less than or equal to 1.0 (got {chance:?})"
        )));
    }
    Ok(chance)
}

fn non_negative(name: &str, value: &PropertyValue) -> Result<u32, CqlError> {
    let number = value.as_int(name)?;
    u32::try_from(number).map_err(|_| config(format!("{name} must be greater than or equal to 0 (got {number})")))
}

fn time_to_live(name: &str, value: &PropertyValue) -> Result<u32, CqlError> {
    let ttl = value.as_int(name)?;
    if ttl > MAX_TTL_S {
        return Err(config(format!("{name} must be less than or equal to {MAX_TTL_S} (got {ttl})")));
    }
    non_negative(name, value)
}

/// A speculative retry policy: NEVER, ALWAYS, a percentile, a number of milliseconds, or the MIN or
/// MAX of a percentile and a number of milliseconds.
fn retry_policy(text: &str) -> Result<String, CqlError> {
    let unknown = || config(format!("Specified Speculative Retry Policy [{text}] is not supported"));
    let upper = text.trim().to_ascii_uppercase();
    if upper == "NEVER" || upper == "NONE" {
        return Ok("NEVER".to_owned());
    }
    if upper == "ALWAYS" {
        return Ok(upper);
    }
    for function in ["MIN(", "MAX("] {
        if let Some(inner) = upper.strip_prefix(function).and_then(|rest| rest.strip_suffix(')')) {
            let (left, right) = inner.split_once(',').ok_or_else(unknown)?;
            let left = threshold(left.trim()).ok_or_else(unknown)?;
            let right = threshold(right.trim()).ok_or_else(unknown)?;
            // One of each kind, else one of the two has no meaning.
            if left.ends_with("ms") == right.ends_with("ms") {
                return Err(unknown());
            }
            return Ok(format!("{function}{left},{right})"));
        }
    }
    threshold(&upper).ok_or_else(unknown)
}

/// `99P`, `99.9PERCENTILE` or `50MS`, in the form that is shown.
fn threshold(upper: &str) -> Option<String> {
    if let Some(number) = upper.strip_suffix("MS") {
        let number = number.trim_end();
        let value: f64 = number.parse().ok()?;
        return (value.is_finite() && value >= 0.0).then(|| format!("{number}ms"));
    }
    let number = upper.strip_suffix("PERCENTILE").or_else(|| upper.strip_suffix('P'))?.trim_end();
    let value: f64 = number.parse().ok()?;
    (0.0..100.0).contains(&value).then(|| format!("{number}p"))
}
