//! Values from JSON, by Cassandra's rules of which JSON stands for which type.

use bytes::Bytes;
use serde_json::Value as Json;
use starling_cql_lite::literal::{LiteralKind, literal_to_wire};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::ValueError;

use super::composite::assemble;
use super::errors::invalid;

/// The value of `from_json` for a document of text.
pub(crate) fn from_json(cql_type: &CqlType, document: &[u8]) -> Result<Option<Bytes>, CqlError> {
    to_wire(cql_type, &parse(&String::from_utf8_lossy(document))?)
}

/// Most bytes of a document: parsed it takes up to 32 times as much.
const DOCUMENT_BYTES_MAX: usize = 2 << 20;

fn parse(text: &str) -> Result<Json, CqlError> {
    check_length(text)?;
    let shown = excerpt(text);
    serde_json::from_str(text).map_err(|error| invalid(format!("Could not decode JSON string '{shown}': {error}")))
}

/// Refuses documents that are too long.
pub(super) fn check_length(text: &str) -> Result<(), CqlError> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(invalid(format!(
            "A JSON document of {} bytes, at most {DOCUMENT_BYTES_MAX} are allowed",
            text.len()
        )));
    }
    Ok(())
}

/// The beginning of a text, for messages.
pub(super) fn excerpt(text: &str) -> &str {
    let end = text.char_indices().nth(200).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "Boolean",
        Json::Number(number) if number.is_i64() => {
            if number.as_i64().is_some_and(|value| i32::try_from(value).is_ok()) { "Integer" } else { "Long" }
        }
        Json::Number(number) if number.is_u64() => "BigInteger",
        Json::Number(_) => "Double",
        Json::String(_) => "String",
        Json::Array(_) => "ArrayList",
        Json::Object(_) => "LinkedHashMap",
    }
}

/// The beginning of a JSON value without the quotes of a string.
fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => excerpt(text).to_owned(),
        other => excerpt(&other.to_string()).to_owned(),
    }
}

/// The wire form of a JSON value; null is null. What is made of others may also come as a string that holds its JSON.
pub(crate) fn to_wire(cql_type: &CqlType, json: &Json) -> Result<Option<Bytes>, CqlError> {
    if json.is_null() {
        return Ok(None);
    }
    let cql_type = cql_type.unfrozen();
    let expected = |what: &str| invalid(format!("Expected {what}, but got a {}: {}", kind(json), shown(json)));
    let elements = |element: &CqlType, items: &[Json], what: &str| -> Result<Vec<Option<Bytes>>, CqlError> {
        items
            .iter()
            .map(|item| match to_wire(element, item)? {
                None => Err(invalid(format!("Invalid null element in {what}"))),
                value => Ok(value),
            })
            .collect()
    };
    let is_composite = matches!(
        cql_type,
        CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..) | CqlType::Tuple(_) | CqlType::Vector(..)
    );
    if let (true, Json::String(text)) = (is_composite, json) {
        return match parse(text)? {
            again @ Json::String(_) => {
                Err(invalid(format!("Expected a document of type {cql_type}, but got {}", excerpt(&again.to_string()))))
            }
            parsed => to_wire(cql_type, &parsed),
        };
    }
    match (cql_type, json) {
        (CqlType::List(element), Json::Array(items)) => assemble(cql_type, elements(element, items, "list")?).map(Some),
        (CqlType::Set(element), Json::Array(items)) => assemble(cql_type, elements(element, items, "set")?).map(Some),
        (CqlType::Vector(element, dimension), Json::Array(items)) => {
            if items.len() != usize::from(*dimension) {
                return Err(invalid(format!("List had {} elements, but the vector has {dimension}", items.len())));
            }
            assemble(cql_type, elements(element, items, "vector")?).map(Some)
        }
        (CqlType::Tuple(types), Json::Array(items)) => {
            if items.len() > types.len() {
                return Err(invalid(format!("Tuple contains extra items (expected {}): {}", types.len(), shown(json))));
            }
            let fields: Result<Vec<_>, CqlError> =
                types.iter().zip(items).map(|(ty, item)| to_wire(ty, item)).collect();
            assemble(cql_type, fields?).map(Some)
        }
        (CqlType::Map(key, value), Json::Object(entries)) => {
            let mut parts = Vec::with_capacity(2 * entries.len());
            for (name, item) in entries {
                parts.push(map_key(key, name)?);
                match to_wire(value, item)? {
                    None => return Err(invalid("Invalid null value in map")),
                    value => parts.push(value),
                }
            }
            assemble(cql_type, parts).map(Some)
        }
        (CqlType::List(_) | CqlType::Vector(..), _) => Err(expected("a list")),
        (CqlType::Set(_), _) => Err(expected("a list (representing a set)")),
        (CqlType::Tuple(_), _) => Err(expected("a list representation of a tuple")),
        (CqlType::Map(..), _) => Err(expected("a map")),
        _ => scalar(cql_type, json).map(Some),
    }
}

/// Keys of JSON are texts: those of other types are JSON inside.
fn map_key(key: &CqlType, name: &str) -> Result<Option<Bytes>, CqlError> {
    match to_wire(key, &Json::String(name.to_owned()))? {
        None => Err(invalid("Invalid null key in map")),
        key => Ok(key),
    }
}

fn scalar(cql_type: &CqlType, json: &Json) -> Result<Bytes, CqlError> {
    use CqlType as T;
    let article = |name: &str| if name.starts_with(['a', 'i']) { "an" } else { "a" };
    let expected = |what: String| invalid(format!("Expected {what}, but got a {}: {}", kind(json), shown(json)));
    let literal = |kind: LiteralKind, text: &str| {
        literal_to_wire(kind, text, cql_type).map_err(|error: ValueError| invalid(error.to_string()))
    };
    let name = cql_type.to_string();
    match (cql_type, json) {
        (T::Text, Json::String(text)) | (T::Ascii, Json::String(text)) => literal(LiteralKind::String, text),
        (T::Text, _) => Err(expected("a UTF-8 string".to_owned())),
        (T::Ascii, _) => Err(expected("an ascii string".to_owned())),
        (T::Boolean, Json::Bool(value)) => literal(LiteralKind::Boolean, &value.to_string()),
        (T::Boolean, Json::String(text)) => literal(LiteralKind::Boolean, text),
        (T::TinyInt | T::SmallInt | T::Int | T::BigInt | T::Varint, Json::Number(number)) if !number.is_f64() => {
            literal(LiteralKind::Integer, &number.to_string())
        }
        (T::TinyInt | T::SmallInt | T::Int | T::BigInt | T::Varint, Json::String(text)) => {
            literal(LiteralKind::Integer, text)
        }
        (T::Float | T::Double | T::Decimal, Json::Number(number)) => literal(LiteralKind::Float, &number.to_string()),
        (T::Float | T::Double | T::Decimal, Json::String(text)) => literal(LiteralKind::Float, text),
        (T::Timestamp, Json::Number(number)) if !number.is_f64() => literal(LiteralKind::Integer, &number.to_string()),
        (T::Timestamp | T::Date | T::Time | T::Inet, Json::String(text)) => literal(LiteralKind::String, text),
        (T::Uuid | T::TimeUuid, Json::String(text)) => literal(LiteralKind::Uuid, text),
        (T::Duration, Json::String(text)) => literal(LiteralKind::Duration, text),
        (T::Blob, Json::String(text)) if text.starts_with("0x") => literal(LiteralKind::Hex, text),
        (T::Blob, Json::String(text)) => Err(invalid(format!(
            "Value '{0}' is not a valid blob representation: String representation of blob is missing 0x prefix: {0}",
            excerpt(text)
        ))),
        (T::Timestamp, _) => Err(expected("a long or a datestring representation of a timestamp value".to_owned())),
        (T::Date | T::Time | T::Inet | T::Uuid | T::TimeUuid | T::Duration | T::Blob, _) => {
            Err(expected(format!("a string representation of {} {name} value", article(&name))))
        }
        _ => Err(expected(format!("{} {name} value", article(&name)))),
    }
}
