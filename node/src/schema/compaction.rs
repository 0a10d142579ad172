//! The map option `compaction`: checked and brought into the form that is shown.

use std::collections::BTreeMap;

use starling_cql_lite::protocol::error::CqlError;

use super::error::config;

type Options = BTreeMap<String, String>;

const PACKAGE: &str = "org.apache.cassandra.db.compaction.";

/// Options of every strategy.
const COMMON: [&str; 8] = [
    "class",
    "enabled",
    "tombstone_threshold",
    "tombstone_compaction_interval",
    "unchecked_tombstone_compaction",
    "only_purge_repaired_tombstones",
    "provide_overlapping_tombstones",
    "log_all",
];
const SIZE_TIERED: [&str; 5] = ["min_sstable_size", "bucket_low", "bucket_high", "min_threshold", "max_threshold"];
const LEVELED: [&str; 5] =
    ["sstable_size_in_mb", "fanout_size", "single_sstable_uplevel", "min_threshold", "max_threshold"];
const TIME_WINDOW: [&str; 6] = [
    "timestamp_resolution",
    "compaction_window_unit",
    "compaction_window_size",
    "expired_sstable_check_frequency_seconds",
    "unsafe_aggressive_sstable_expiration",
    "split_during_flush",
];
const UNIFIED: [&str; 12] = [
    "scaling_parameters",
    "min_sstable_size",
    "flush_size_override",
    "base_shard_count",
    "sstable_growth",
    "target_sstable_size",
    "max_sstables_to_compact",
    "expired_sstable_check_frequency_seconds",
    "unsafe_aggressive_sstable_expiration",
    "overlap_inclusion_method",
    "parallelize_output_shards",
    "num_shards",
];

/// Checks `compaction`, gives the class its full name and fills in the thresholds.
///
/// # Errors
/// Config for an unknown class, unknown keys and thresholds out of bounds.
pub fn canonical_compaction(given: &Options) -> Result<Options, CqlError> {
    let class = given.get("class").ok_or_else(|| config("Missing sub-option 'class' for the 'compaction' option."))?;
    let short = class.strip_prefix(PACKAGE).unwrap_or(class);
    let known = |name: &str| match short {
        "SizeTieredCompactionStrategy" => SIZE_TIERED.contains(&name),
        "LeveledCompactionStrategy" => LEVELED.contains(&name),
        "TimeWindowCompactionStrategy" => TIME_WINDOW.contains(&name) || SIZE_TIERED.contains(&name),
        _ => UNIFIED.contains(&name),
    };
    let has_thresholds = match short {
        "SizeTieredCompactionStrategy" | "LeveledCompactionStrategy" | "TimeWindowCompactionStrategy" => true,
        "UnifiedCompactionStrategy" => false,
        _ => {
            let full = if class.contains('.') { class.clone() } else { format!("{PACKAGE}{class}") };
            return Err(config(format!("Unable to find compaction strategy class '{full}'")));
        }
    };
    for (name, value) in given {
        if !COMMON.contains(&name.as_str()) && !known(name) {
            return Err(config(format!("Properties specified [{name}] are not understood by {short}")));
        }
        check_value(name, value)?;
    }
    let mut compaction = given.clone();
    compaction.insert("class".to_owned(), format!("{PACKAGE}{short}"));
    if has_thresholds {
        compaction.entry("min_threshold".to_owned()).or_insert_with(|| "4".to_owned());
        compaction.entry("max_threshold".to_owned()).or_insert_with(|| "32".to_owned());
        check_thresholds(&compaction)?;
    }
    Ok(compaction)
}

fn check_value(name: &str, value: &str) -> Result<(), CqlError> {
    match name {
        "enabled" | "unchecked_tombstone_compaction" | "only_purge_repaired_tombstones" | "log_all"
            if !value.eq_ignore_ascii_case("true") && !value.eq_ignore_ascii_case("false") =>
        {
            Err(config(format!("'{name}' should be either 'true' or 'false', not '{value}'")))
        }
        "tombstone_threshold" if value.parse::<f64>().is_err() => {
            Err(config(format!("{value} is not a parsable float for {name}")))
        }
        "min_sstable_size" | "sstable_size_in_mb" | "compaction_window_size" | "tombstone_compaction_interval"
            if value.trim_end_matches(char::is_alphabetic).parse::<f64>().is_err() =>
        {
            Err(config(format!("{value} is not a parsable number for {name}")))
        }
        "compaction_window_unit" if !["MINUTES", "HOURS", "DAYS"].contains(&value) => {
            Err(config(format!("{value} is not valid for {name}")))
        }
        _ => Ok(()),
    }
}

fn check_thresholds(compaction: &Options) -> Result<(), CqlError> {
    let number = |name: &str| -> Result<u32, CqlError> {
        let text = compaction.get(name).map_or("", String::as_str);
        text.parse().map_err(|_| {
            config(format!("Invalid value {text} for '{name}' compaction sub-option - must be an integer"))
        })
    };
    let (min, max) = (number("min_threshold")?, number("max_threshold")?);
    if min < 2 {
        return Err(config(format!("Min compaction threshold cannot be less than 2 (got {min})")));
    }
    if min > max {
        return Err(config(format!(
            "Min compaction threshold (got {min}) cannot be greater than max compaction threshold (got {max})"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn strategies_and_their_options() {
        let compaction = canonical_compaction(&options(&[("class", "LeveledCompactionStrategy")]));
        assert_eq!(
            compaction,
            Ok(options(&[
                ("class", "org.apache.cassandra.db.compaction.LeveledCompactionStrategy"),
                ("max_threshold", "32"),
                ("min_threshold", "4"),
            ]))
        );
        let unified =
            [("class", "org.apache.cassandra.db.compaction.UnifiedCompactionStrategy"), ("scaling_parameters", "T4")];
        assert_eq!(canonical_compaction(&options(&unified)), Ok(options(&unified)));
        for bad in [
            &[("enabled", "true")][..],
            &[("class", "FooStrategy")],
            &[("class", "SizeTieredCompactionStrategy"), ("sstable_size_in_mb", "1")],
            &[("class", "SizeTieredCompactionStrategy"), ("min_threshold", "1")],
            &[("class", "SizeTieredCompactionStrategy"), ("min_threshold", "40")],
            &[("class", "SizeTieredCompactionStrategy"), ("enabled", "maybe")],
            &[("class", "TimeWindowCompactionStrategy"), ("compaction_window_unit", "WEEKS")],
        ] {
            assert!(canonical_compaction(&options(bad)).is_err(), "{bad:?}");
        }
    }
}
