//! What a client and the server agree on: OPTIONS, STARTUP.

use starling_cql_lite::protocol::compression::Compression;
use starling_cql_lite::protocol::payload::{STAMP_OPTION, STAMP_VERSION};
use starling_cql_lite::protocol::segment::SegmentFormat;

use super::outgoing::Form;

/// Options of SUPPORTED. No snappy from version 5 on, as the specification has it. Clients that do not know the stamp's
/// read over it.
pub(super) fn supported(version: u8) -> [(&'static str, &'static [&'static str]); 4] {
    let compression: &[&str] = if version >= 5 { &["lz4"] } else { &["lz4", "snappy"] };
    [
        ("CQL_VERSION", &["3.4.7"]),
        ("COMPRESSION", compression),
        ("PROTOCOL_VERSIONS", &["4/v4", "5/v5"]),
        (STAMP_OPTION, &[STAMP_VERSION]),
    ]
}

/// What STARTUP asked for.
pub(super) struct Agreed {
    /// How frames travel from now on, in both directions.
    pub(super) form: Form,
    /// Refuse what is too much at once, instead of not reading it yet.
    pub(super) throws_on_overload: bool,
}

/// Judges the options of STARTUP.
pub(super) fn agree(version: u8, options: &[(&str, &str)]) -> Result<Agreed, String> {
    let option = |name: &str| options.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    match option("CQL_VERSION") {
        None => return Err("Missing value CQL_VERSION in STARTUP message".to_owned()),
        Some(asked) if !(asked.starts_with("3.") || asked == "4.0.0") => {
            return Err(format!("Provided version {asked} is not supported by this server (supported: 3.x, 4.0.0)"));
        }
        Some(_) => {}
    }
    let compression = match option("COMPRESSION").filter(|name| !name.is_empty()) {
        None => None,
        Some(name) => match Compression::from_name(name) {
            Some(Compression::Snappy) if version >= 5 => {
                return Err("Snappy compression is not supported from protocol version 5 on; use lz4".to_owned());
            }
            Some(compression) => Some(compression),
            None => return Err(format!("Unknown compression algorithm: {name}")),
        },
    };
    let form = match compression {
        Some(_) if version >= 5 => Form::Segments(SegmentFormat::Lz4),
        None if version >= 5 => Form::Segments(SegmentFormat::Plain),
        Some(compression) => Form::Compressed(compression),
        None => Form::Plain,
    };
    let throws_on_overload = option("THROW_ON_OVERLOAD").is_some_and(|value| value == "1" || value == "true");
    Ok(Agreed { form, throws_on_overload })
}
