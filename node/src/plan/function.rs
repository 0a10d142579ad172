//! Scalar functions: which there are, their types, and what they return.

use bytes::Bytes;
use starling_cql_lite::ast::QualifiedName;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Value;
use starling_ring::Token;

use super::cast;
use super::collection_function::CollectionFunction;
use super::composite::BUILT_BYTES_MAX;
use super::errors::{invalid, unsupported};
use super::floor;
use super::json_value;
use super::keys;
use super::mask::Mask;
use super::names::TableInfo;
use super::term::assignable;
use super::timeuuid;
use super::values::Entropy;

const US_PER_MS: i64 = 1000;
const NS_PER_US: i64 = 1000;
const US_PER_DAY: i64 = 86_400_000_000;

/// A function with its types resolved.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    /// Name in messages and column titles.
    pub name: String,
    /// Types of the arguments.
    pub arguments: Vec<CqlType>,
    /// Type of the result.
    pub returns: CqlType,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    TimeUuid,
    Uuid,
    CurrentTimestamp,
    CurrentDate,
    CurrentTime,
    ToTimestamp,
    ToDate,
    ToUnixTimestamp,
    MinTimeUuid,
    MaxTimeUuid,
    Token,
    ToBlob,
    FromBlob,
    ToJson,
    FromJson,
    Math(cast::Math),
    Collection(CollectionFunction),
    Mask(Mask),
    Floor,
    Cast,
}

/// Finds a function for the types of its arguments (`None`: a marker or null, which takes any).
pub(crate) fn resolve(
    name: &QualifiedName,
    types: &[Option<CqlType>],
    wanted: Option<&CqlType>,
    info: &TableInfo,
) -> Result<Function, CqlError> {
    let written = name.name.name.as_str();
    if name.keyspace.as_ref().is_some_and(|keyspace| keyspace.name != "system") {
        return Err(invalid(format!("Unknown function '{name}'")));
    }
    let plain = written.to_ascii_lowercase();
    let function = |kind, arguments: Vec<CqlType>, returns| Function { name: plain.clone(), arguments, returns, kind };
    let found = match plain.as_str() {
        "now" | "currenttimeuuid" | "current_timeuuid" => function(Kind::TimeUuid, vec![], CqlType::TimeUuid),
        "uuid" => function(Kind::Uuid, vec![], CqlType::Uuid),
        "currenttimestamp" | "current_timestamp" => function(Kind::CurrentTimestamp, vec![], CqlType::Timestamp),
        "currentdate" | "current_date" => function(Kind::CurrentDate, vec![], CqlType::Date),
        "currenttime" | "current_time" => function(Kind::CurrentTime, vec![], CqlType::Time),
        "totimestamp" | "to_timestamp" | "dateof" => {
            function(Kind::ToTimestamp, vec![moment(types)], CqlType::Timestamp)
        }
        "todate" | "to_date" => function(Kind::ToDate, vec![moment(types)], CqlType::Date),
        "tounixtimestamp" | "to_unix_timestamp" | "unixtimestampof" => {
            function(Kind::ToUnixTimestamp, vec![moment(types)], CqlType::BigInt)
        }
        "mintimeuuid" | "min_timeuuid" => function(Kind::MinTimeUuid, vec![CqlType::Timestamp], CqlType::TimeUuid),
        "maxtimeuuid" | "max_timeuuid" => function(Kind::MaxTimeUuid, vec![CqlType::Timestamp], CqlType::TimeUuid),
        "tojson" | "to_json" => {
            let own = types.first().cloned().flatten().or_else(|| types.first().map(|_| CqlType::Text));
            function(Kind::ToJson, own.into_iter().collect(), CqlType::Text)
        }
        "fromjson" | "from_json" => {
            let Some(receiver) = wanted else {
                return Err(invalid(format!("{plain}() cannot be used in the selection clause of a SELECT statement")));
            };
            function(Kind::FromJson, vec![CqlType::Text], receiver.clone())
        }
        "token" => {
            let key = info.partition_key.iter().map(|&index| info.column(index).cql_type.clone()).collect();
            function(Kind::Token, key, CqlType::BigInt)
        }
        "floor" => {
            let (arguments, returns) = floor::signature(types)?;
            function(Kind::Floor, arguments, returns)
        }
        other => match blob_conversion(other) {
            Some((true, from)) => function(Kind::ToBlob, vec![from], CqlType::Blob),
            Some((false, to)) => function(Kind::FromBlob, vec![CqlType::Blob], to),
            None => {
                let (kind, arguments, returns) =
                    by_own_type(other, types, wanted)?.ok_or_else(|| invalid(format!("Unknown function '{name}'")))?;
                function(kind, arguments, returns)
            }
        },
    };
    check_arguments(&found, types)?;
    Ok(found)
}

/// Functions whose types follow from that of their first argument.
fn by_own_type(
    name: &str,
    types: &[Option<CqlType>],
    wanted: Option<&CqlType>,
) -> Result<Option<(Kind, Vec<CqlType>, CqlType)>, CqlError> {
    let (kind, arguments) = if let Some(math) = cast::Math::named(name) {
        let own = types.first().cloned().flatten().or_else(|| wanted.cloned());
        (Kind::Math(math), vec![own.unwrap_or(CqlType::Int)])
    } else if let Some(mask) = Mask::named(name) {
        (Kind::Mask(mask), mask.arguments(name, types, wanted)?)
    } else if let Some(function) = CollectionFunction::named(name) {
        let (arguments, returns) = function.resolve(name, types)?;
        return Ok(Some((Kind::Collection(function), arguments, returns)));
    } else {
        return Ok(None);
    };
    let own = match kind {
        Kind::Mask(Mask::Hash) => CqlType::Blob,
        _ => arguments.first().cloned().unwrap_or(CqlType::Int),
    };
    Ok(Some((kind, arguments, own)))
}

/// The conversion of `cast(... AS ...)`.
pub(crate) fn cast_function(from: &CqlType, to: &CqlType) -> Result<Function, CqlError> {
    if !cast::exists(from, to) {
        return Err(invalid(format!("{from} cannot be cast to {to}")));
    }
    Ok(Function { name: "cast".into(), arguments: vec![from.clone()], returns: to.clone(), kind: Kind::Cast })
}

fn moment(types: &[Option<CqlType>]) -> CqlType {
    match types.first() {
        Some(Some(cql_type @ (CqlType::Date | CqlType::Timestamp))) => cql_type.clone(),
        _ => CqlType::TimeUuid,
    }
}

/// `(true, t)` for `t_as_blob`, `(false, t)` for `blob_as_t`, in both spellings.
fn blob_conversion(name: &str) -> Option<(bool, CqlType)> {
    let native = |text: &str| {
        let known = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
        known.then(|| CqlType::parse(text).ok()).flatten().filter(|found| *found != CqlType::Blob)
    };
    let to_blob = name.strip_suffix("_as_blob").or_else(|| name.strip_suffix("asblob"));
    let from_blob = name.strip_prefix("blob_as_").or_else(|| name.strip_prefix("blobas"));
    to_blob
        .and_then(native)
        .map(|found| (true, found))
        .or_else(|| from_blob.and_then(native).map(|found| (false, found)))
}

fn check_arguments(function: &Function, types: &[Option<CqlType>]) -> Result<(), CqlError> {
    if types.len() != function.arguments.len() {
        return Err(invalid(format!(
            "Invalid number of arguments in call to function system.{}: {} required but {} provided",
            function.name,
            function.arguments.len(),
            types.len()
        )));
    }
    if matches!(function.kind, Kind::Math(_)) && !super::number::is_numeric(&function.returns) {
        return Err(unsupported(format!("{} of {}", function.name, function.returns)));
    }
    Ok(())
}

impl Function {
    /// Whether an argument of a known type may stand at a position.
    pub fn accepts(&self, position: usize, cql_type: &CqlType) -> bool {
        self.arguments.get(position).is_some_and(|wanted| assignable(cql_type, wanted))
    }

    /// An argument of another type than the function has there.
    pub fn wrong_argument(&self, argument: &str, position: usize) -> CqlError {
        invalid(format!(
            "Type error: {argument} cannot be passed as argument {position} of function system.{} of type {}",
            self.name,
            self.arguments.get(position).map(ToString::to_string).unwrap_or_default()
        ))
    }

    /// Whether its results ascend with its first argument, the others being constant.
    pub fn is_monotonic(&self) -> bool {
        matches!(self.kind, Kind::Floor | Kind::ToTimestamp | Kind::ToDate | Kind::ToUnixTimestamp)
    }

    /// The result for wire arguments; null in, null out.
    pub fn evaluate(
        &self,
        arguments: &[Option<Bytes>],
        now_us: i64,
        entropy: &Entropy,
    ) -> Result<Option<Bytes>, CqlError> {
        match self.kind {
            Kind::TimeUuid => return Ok(Some(timeuuid::unique(now_us, entropy.draw()))),
            Kind::Uuid => return Ok(Some(timeuuid::random(entropy.draw()))),
            Kind::CurrentTimestamp => return Ok(Some(timestamp(now_us.div_euclid(US_PER_MS)))),
            Kind::CurrentDate => return date(now_us.div_euclid(US_PER_MS)).map(Some),
            Kind::CurrentTime => {
                let of_day_ns = now_us.rem_euclid(US_PER_DAY) * NS_PER_US;
                return Ok(Some(timestamp(of_day_ns)));
            }
            Kind::Token => return self.token(arguments),
            Kind::ToJson => return self.to_json(arguments),
            Kind::Mask(mask) => return mask.evaluate(&self.name, &self.returns, arguments),
            Kind::Floor => return floor::evaluate(&self.arguments, arguments),
            Kind::Collection(function) => {
                let Some(known) = arguments.iter().cloned().collect::<Option<Vec<Bytes>>>() else { return Ok(None) };
                return function.evaluate(self.arguments.first().unwrap_or(&CqlType::Blob), &known);
            }
            Kind::FromJson => {
                let Some(Some(document)) = arguments.first() else { return Ok(None) };
                return json_value::from_json(&self.returns, document);
            }
            _ => {}
        }
        let Some(Some(argument)) = arguments.first() else {
            return Ok(None);
        };
        let from = self.arguments.first().unwrap_or(&CqlType::Blob);
        Ok(match self.kind {
            _ if argument.is_empty() && self.kind != Kind::ToBlob && self.kind != Kind::Cast => None,
            Kind::ToTimestamp => Some(timestamp(ms_of(from, argument)?)),
            Kind::ToDate => Some(date(ms_of(from, argument)?)?),
            Kind::ToUnixTimestamp => Some(timestamp(ms_of(from, argument)?)),
            Kind::MinTimeUuid => Some(timeuuid::lowest(ms_of(from, argument)?)),
            Kind::MaxTimeUuid => Some(timeuuid::highest(ms_of(from, argument)?)),
            Kind::ToBlob => Some(argument.clone()),
            Kind::FromBlob => {
                self.returns.validate(argument).map_err(|_| {
                    invalid(format!(
                        "In call to function system.{}, value 0x{} is not a valid binary representation for type {}",
                        self.name,
                        argument.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
                        self.returns
                    ))
                })?;
                Some(argument.clone())
            }
            Kind::Math(math) => Some(math.evaluate(from, argument)?),
            Kind::Cast => cast::evaluate(from, &self.returns, argument)?,
            _ => None,
        })
    }

    /// null is the JSON `null`.
    fn to_json(&self, arguments: &[Option<Bytes>]) -> Result<Option<Bytes>, CqlError> {
        let cql_type = self.arguments.first().unwrap_or(&CqlType::Text);
        let wire = arguments.first().and_then(Option::as_deref);
        super::number::check_printable(cql_type, wire.unwrap_or_default())?;
        let value = Value::decode(cql_type, wire).map_err(|error| invalid(error.to_string()))?;
        value.to_json(BUILT_BYTES_MAX).map(|json| Some(json.into())).map_err(|error| invalid(error.to_string()))
    }

    fn token(&self, arguments: &[Option<Bytes>]) -> Result<Option<Bytes>, CqlError> {
        let components: Option<Vec<&[u8]>> = arguments.iter().map(Option::as_deref).collect();
        let Some(components) = components else { return Ok(None) };
        let Token(token) = Token::from_key(&keys::partition_key(&components)?);
        Ok(Some(timestamp(token)))
    }
}

/// Eight bytes: bigint, timestamp and time alike.
fn timestamp(value: i64) -> Bytes {
    Bytes::copy_from_slice(&value.to_be_bytes())
}

fn date(ms: i64) -> Result<Bytes, CqlError> {
    let date = timeuuid::date_of_ms(ms).ok_or_else(|| invalid("timestamp out of the range of dates"))?;
    Ok(Bytes::copy_from_slice(&date.to_be_bytes()))
}

/// Milliseconds since 1970 of a timeuuid, date or timestamp.
pub(crate) fn ms_of(cql_type: &CqlType, wire: &[u8]) -> Result<i64, CqlError> {
    let ms = match cql_type {
        CqlType::Date => wire.try_into().ok().map(|bytes| timeuuid::ms_of_date(u32::from_be_bytes(bytes))),
        CqlType::Timestamp => wire.try_into().ok().map(i64::from_be_bytes),
        _ => timeuuid::ms(wire),
    };
    ms.ok_or_else(|| invalid(format!("Not a valid {cql_type}")))
}
