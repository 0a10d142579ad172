//! The map options `caching` and `compression`: checked and brought into the form that is shown.

use std::collections::BTreeMap;

use starling_cql_lite::protocol::error::CqlError;

use super::error::config;

type Options = BTreeMap<String, String>;

const COMPRESSORS: [&str; 5] =
    ["LZ4Compressor", "SnappyCompressor", "DeflateCompressor", "ZstdCompressor", "NoopCompressor"];
const COMPRESSOR_PACKAGE: &str = "org.apache.cassandra.io.compress.";
/// An older name of `class`, which Cassandra still takes.
const OLD_CLASS: &str = "sstable_compression";
const COMPRESSION_OPTIONS: [&str; 10] = [
    "class",
    OLD_CLASS,
    "enabled",
    "chunk_length_in_kb",
    "chunk_length",
    "min_compress_ratio",
    "max_compressed_length",
    "compression_level",
    "lz4_compressor_type",
    "lz4_high_compressor_level",
];

/// Checks `caching` and fills in what is missing.
///
/// # Errors
/// Config for unknown keys and values.
pub fn canonical_caching(given: &Options) -> Result<Options, CqlError> {
    let mut caching =
        Options::from([("keys".to_owned(), "ALL".to_owned()), ("rows_per_partition".to_owned(), "NONE".to_owned())]);
    for (name, value) in given {
        let upper = value.to_ascii_uppercase();
        let known = upper == "ALL" || upper == "NONE";
        match name.as_str() {
            "keys" if known => caching.insert(name.clone(), upper),
            "rows_per_partition" if known => caching.insert(name.clone(), upper),
            "rows_per_partition" if value.parse::<u32>().is_ok_and(|rows| rows <= i32::MAX as u32) => {
                caching.insert(name.clone(), value.clone())
            }
            "keys" | "rows_per_partition" => {
                return Err(config(format!("Invalid value '{value}' for caching sub-option '{name}'")));
            }
            _ => {
                return Err(config(format!(
                    "Invalid caching sub-option '{name}': only 'keys' and 'rows_per_partition' are allowed"
                )));
            }
        };
    }
    Ok(caching)
}

/// Checks `compression` and fills in what is missing.
///
/// # Errors
/// Config for an unknown class, unknown keys and values out of bounds.
pub fn canonical_compression(given: &Options) -> Result<Options, CqlError> {
    let disabled = given.get("enabled").is_some_and(|text| text.eq_ignore_ascii_case("false"));
    if disabled || given.is_empty() {
        if given.len() > 1 {
            return Err(config("If the 'enabled' option is set to false no other options must be specified"));
        }
        return Ok(Options::from([("enabled".to_owned(), "false".to_owned())]));
    }
    if let Some(name) = given.keys().find(|name| !COMPRESSION_OPTIONS.contains(&name.as_str())) {
        return Err(config(format!("Unknown compression options: ({name})")));
    }
    let mut compression = given.clone();
    compression.remove("enabled");
    if let Some(class) = compression.remove(OLD_CLASS) {
        if compression.contains_key("class") {
            return Err(config(format!(
                "The '{OLD_CLASS}' option must not be used if the compression algorithm is already specified by the \
                 'class' option"
            )));
        }
        if class.is_empty() {
            return Ok(Options::from([("enabled".to_owned(), "false".to_owned())]));
        }
        compression.insert("class".to_owned(), class);
    }
    let class = compression
        .get("class")
        .filter(|class| !class.is_empty())
        .ok_or_else(|| config("Missing sub-option 'class' for the 'compression' option."))?;
    let short = class.strip_prefix(COMPRESSOR_PACKAGE).unwrap_or(class);
    if !COMPRESSORS.contains(&short) {
        return Err(config(format!("Could not create Compression for type {class}")));
    }
    let full = format!("{COMPRESSOR_PACKAGE}{short}");
    compression.insert("class".to_owned(), full);
    if let Some(chunk) = compression.remove("chunk_length") {
        compression.insert("chunk_length_in_kb".to_owned(), chunk);
    }
    let chunk = compression.entry("chunk_length_in_kb".to_owned()).or_insert_with(|| "16".to_owned());
    let length: u32 =
        chunk.parse().map_err(|_| config(format!("Invalid value [{chunk}] for parameter 'chunk_length_in_kb'.")))?;
    if !length.is_power_of_two() || length > 1 << 20 {
        return Err(config("chunk_length_in_kb must be a power of 2"));
    }
    Ok(compression)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn caching_is_completed_and_checked() {
        let caching = canonical_caching(&options(&[("rows_per_partition", "10")]));
        assert_eq!(caching, Ok(options(&[("keys", "ALL"), ("rows_per_partition", "10")])));
        for bad in [("keys", "10"), ("rows_per_partition", "-1"), ("rows_per_partition", "some"), ("row", "ALL")] {
            assert!(canonical_caching(&options(&[bad])).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn compression_is_completed_and_checked() {
        let compression = canonical_compression(&options(&[("class", "ZstdCompressor"), ("compression_level", "3")]));
        assert_eq!(
            compression,
            Ok(options(&[
                ("chunk_length_in_kb", "16"),
                ("class", "org.apache.cassandra.io.compress.ZstdCompressor"),
                ("compression_level", "3"),
            ]))
        );
        assert_eq!(canonical_compression(&options(&[("enabled", "false")])), Ok(options(&[("enabled", "false")])));
        let old = canonical_compression(&options(&[(OLD_CLASS, "LZ4Compressor")]));
        assert_eq!(old, canonical_compression(&options(&[("class", "LZ4Compressor")])));
        assert!(canonical_compression(&options(&[(OLD_CLASS, "LZ4Compressor"), ("class", "LZ4Compressor")])).is_err());
        assert_eq!(canonical_compression(&options(&[(OLD_CLASS, "")])), Ok(options(&[("enabled", "false")])));
        assert_eq!(canonical_compression(&options(&[])), Ok(options(&[("enabled", "false")])));
        for bad in [
            &[("class", "Foo")][..],
            &[("chunk_length_in_kb", "16")],
            &[("class", "LZ4Compressor"), ("chunk_length_in_kb", "17")],
            &[("class", "LZ4Compressor"), ("what", "17")],
            &[("class", "LZ4Compressor"), ("enabled", "false")],
        ] {
            assert!(canonical_compression(&options(bad)).is_err(), "{bad:?}");
        }
    }
}
