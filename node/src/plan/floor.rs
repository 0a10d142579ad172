//! `floor`: points in time rounded down to multiples of a duration.

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Duration;

use super::errors::invalid;
use super::function::ms_of;
use super::timeuuid;

/// Types of the arguments and of the result, for the arguments that are given.
pub(crate) fn signature(types: &[Option<CqlType>]) -> Result<(Vec<CqlType>, CqlType), CqlError> {
    let (own, start) = match types.first() {
        Some(Some(CqlType::TimeUuid)) => (CqlType::TimeUuid, CqlType::Timestamp),
        Some(Some(own @ (CqlType::Timestamp | CqlType::Date | CqlType::Time))) => (own.clone(), own.clone()),
        _ => {
            return Err(invalid(
                "Ambiguous call to function floor (of a timestamp, timeuuid, date or time, a duration and, except for a \
                 time, a start): use type casts to disambiguate",
            ));
        }
    };
    let returns = start.clone();
    let mut arguments = vec![own, CqlType::Duration];
    arguments.extend((types.len() > 2 && returns != CqlType::Time).then_some(start));
    Ok((arguments, returns))
}

/// The result; null if an argument is.
pub(crate) fn evaluate(arguments: &[CqlType], values: &[Option<Bytes>]) -> Result<Option<Bytes>, CqlError> {
    let given: Option<Vec<&Bytes>> = values.iter().map(|value| value.as_ref().filter(|v| !v.is_empty())).collect();
    let (Some(given), Some(own)) = (given, arguments.first()) else { return Ok(None) };
    let [value, duration, ..] = given[..] else { return Ok(None) };
    let duration = Duration::decode(duration).map_err(|error| invalid(error.to_string()))?;
    let refused = |error: starling_cql_lite::value::FloorError| invalid(error.to_string());
    if *own == CqlType::Time {
        let bytes = <[u8; 8]>::try_from(&value[..]).map_err(|_| invalid("Not a valid time"))?;
        let nanos = duration.floor_time(i64::from_be_bytes(bytes)).map_err(refused)?;
        return Ok(Some(Bytes::copy_from_slice(&nanos.to_be_bytes())));
    }
    let is_date = *own == CqlType::Date;
    if is_date && !duration.has_day_precision() {
        return Err(invalid(format!(
            "The floor on date values cannot be computed for the {duration} duration as precision is below 1 day"
        )));
    }
    if !duration.has_millisecond_precision() {
        return Err(invalid(format!(
            "The floor cannot be computed for the {duration} duration as precision is below 1 millisecond"
        )));
    }
    let start_ms = match (given.get(2), arguments.get(2)) {
        (Some(start), Some(cql_type)) => ms_of(cql_type, start)?,
        _ => 0,
    };
    let ms = duration.floor_ms(ms_of(own, value)?, start_ms).map_err(refused)?;
    if !is_date {
        return Ok(Some(Bytes::copy_from_slice(&ms.to_be_bytes())));
    }
    let date = timeuuid::date_of_ms(ms).ok_or_else(|| invalid("timestamp out of the range of dates"))?;
    Ok(Some(Bytes::copy_from_slice(&date.to_be_bytes())))
}
