//! The masking functions: they show less of a value than there is.

use bytes::Bytes;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use starling_cql_lite::collection::{encode_list, encode_tuple, encode_vector};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::ValueError;

use super::composite::gather;
use super::errors::{invalid, unsupported};
use super::number::{Number, is_numeric};

const PADDING: &str = "*";
const MASKED_TEXT: &[u8] = b"****";
/// The lowest version 1 UUID.
const MASKED_TIMEUUID: [u8; 16] = [0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// 1970-01-01.
const MASKED_DATE: [u8; 4] = [0x80, 0, 0, 0];

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    /// Nothing.
    Null,
    /// A fixed value of the type.
    Default,
    /// A value that the caller gives.
    Replace,
    /// The first and last characters alone.
    Inner,
    /// All but the first and last characters.
    Outer,
    /// A hash.
    Hash,
}

impl Mask {
    /// The function of a name.
    pub fn named(name: &str) -> Option<Mask> {
        Some(match name {
            "mask_null" => Mask::Null,
            "mask_default" => Mask::Default,
            "mask_replace" => Mask::Replace,
            "mask_inner" => Mask::Inner,
            "mask_outer" => Mask::Outer,
            "mask_hash" => Mask::Hash,
            _ => return None,
        })
    }

    /// The types of its arguments, for those given. The result has the type of the first, but a hash is a blob.
    pub fn arguments(
        self,
        name: &str,
        types: &[Option<CqlType>],
        wanted: Option<&CqlType>,
    ) -> Result<Vec<CqlType>, CqlError> {
        let wanted = wanted.filter(|_| self != Mask::Hash);
        let own = types.first().cloned().flatten().or_else(|| wanted.cloned()).unwrap_or(CqlType::Text);
        Ok(match self {
            Mask::Null | Mask::Default => vec![own],
            Mask::Replace => vec![own.clone(), own],
            Mask::Hash => [own, CqlType::Text].into_iter().take(types.len().max(1)).collect(),
            Mask::Inner | Mask::Outer => {
                if !matches!(own, CqlType::Text | CqlType::Ascii) {
                    return Err(invalid(format!(
                        "Function {name} requires an argument of type [text|varchar|ascii], but found argument of type {own}"
                    )));
                }
                let mut arguments = vec![own, CqlType::Int, CqlType::Int];
                arguments.extend((types.len() > 3).then_some(CqlType::Text));
                arguments
            }
        })
    }

    /// Its result.
    pub fn evaluate(self, name: &str, cql_type: &CqlType, values: &[Option<Bytes>]) -> Result<Option<Bytes>, CqlError> {
        let value = |position: usize| values.get(position).cloned().flatten();
        match self {
            Mask::Null => Ok(None),
            Mask::Default => masked(cql_type).map(Some),
            Mask::Replace => Ok(value(1)),
            Mask::Hash => {
                let Some(value_bytes) = value(0) else { return Ok(None) };
                let algorithm = value(1).as_deref().map(utf8).transpose()?.map(str::to_ascii_uppercase);
                hash(algorithm.as_deref().unwrap_or("SHA-256"), &value_bytes).map(Some)
            }
            Mask::Inner | Mask::Outer => {
                let Some(text) = value(0) else { return Ok(None) };
                let begin = length(name, "prefix", value(1))?;
                let end = length(name, "suffix", value(2))?;
                let padding = padding(name, value(3))?;
                let text = utf8(&text)?;
                let count = text.chars().count();
                let last = count.saturating_sub(end);
                let shown = |at: usize| (at < begin || at >= last) == (self == Mask::Inner);
                let character = |(at, character)| if shown(at) { character } else { padding };
                Ok(Some(Bytes::from(text.chars().enumerate().map(character).collect::<String>())))
            }
        }
    }
}

fn hash(algorithm: &str, bytes: &[u8]) -> Result<Bytes, CqlError> {
    let algorithm = match algorithm {
        "SHA-1" | "SHA" => &SHA1_FOR_LEGACY_USE_ONLY,
        "SHA-256" => &SHA256,
        "SHA-384" => &SHA384,
        "SHA-512" => &SHA512,
        other => {
            let message = format!("Hash algorithm {other} not found; there are SHA-1, SHA-256, SHA-384 and SHA-512");
            return Err(invalid(message));
        }
    };
    Ok(Bytes::copy_from_slice(digest(algorithm, bytes).as_ref()))
}

fn utf8(bytes: &[u8]) -> Result<&str, CqlError> {
    std::str::from_utf8(bytes).map_err(|_| invalid("String didn't validate."))
}

/// How many characters stay as they are; null is none.
fn length(name: &str, what: &str, value: Option<Bytes>) -> Result<usize, CqlError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(0) };
    let bytes =
        <[u8; 4]>::try_from(&value[..]).map_err(|_| invalid(format!("Not a valid int: {} bytes", value.len())))?;
    let length = i32::from_be_bytes(bytes);
    usize::try_from(length)
        .map_err(|_| invalid(format!("Masking function {name} doesn't accept negative {what} lengths; found {length}")))
}

fn padding(name: &str, value: Option<Bytes>) -> Result<char, CqlError> {
    let text = value.as_deref().map_or(Ok(PADDING), utf8)?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(invalid(format!(
            "The padding argument for function {name} should be single-character, but '{text}' has {} characters.",
            text.chars().count()
        ))),
    }
}

/// What stands for every value of a type.
fn masked(cql_type: &CqlType) -> Result<Bytes, CqlError> {
    use CqlType as T;
    let failed = |error: ValueError| invalid(error.to_string());
    Ok(match cql_type.unfrozen() {
        T::Text | T::Ascii => Bytes::from_static(MASKED_TEXT),
        T::Blob => Bytes::new(),
        T::Boolean => Bytes::from_static(&[0]),
        T::Date => Bytes::from_static(&MASKED_DATE),
        T::Timestamp | T::Time => Bytes::from_static(&[0; 8]),
        T::Uuid => Bytes::from_static(&[0; 16]),
        T::TimeUuid => Bytes::from_static(&MASKED_TIMEUUID),
        T::Inet => Bytes::from_static(&[0; 4]),
        T::Duration => Bytes::from_static(&[0; 3]),
        T::List(_) | T::Set(_) | T::Map(..) => encode_list::<&[u8]>(&[]).map_err(failed)?,
        T::Tuple(types) => encode_tuple(&gather(types.iter().map(|ty| masked(ty).map(Some)))?).map_err(failed)?,
        T::Vector(element, dimension) => {
            let one = masked(element)?;
            let all = gather((0..*dimension).map(|_| Ok(Some(one.clone()))))?;
            encode_vector(element, &all.into_iter().flatten().collect::<Vec<_>>()).map_err(failed)?
        }
        number if is_numeric(number) => Number::Integer(0).encode(number)?,
        other => return Err(unsupported(format!("mask_default of {other}"))),
    })
}
