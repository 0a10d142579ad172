//! Types of columns: from the name in a statement, and which of them user tables may have.

use starling_cql_lite::ast::{TypeName, TypeNameKind};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::error::invalid;

/// The type that a statement in `keyspace` names. What is inside of a frozen type is frozen too; tuples and what
/// vectors hold are never anything else.
///
/// # Errors
/// Invalid for unknown types, for `frozen` around types that have no other form, and for collections of what
/// collections cannot hold.
pub fn resolve_type(keyspace: &str, type_name: &TypeName) -> Result<CqlType, CqlError> {
    if let Some(name) = unknown_name(type_name) {
        let shown = if name.contains('.') { name } else { format!("{keyspace}.{name}") };
        return Err(invalid(format!("Unknown type {shown}")));
    }
    if let Some(inner) = needlessly_frozen(type_name) {
        return Err(invalid(format!(
            "frozen<> is only allowed on collections, tuples, and user-defined types (got {inner})"
        )));
    }
    let found = resolve(type_name, false)?;
    // The schema is kept and sent as text: what cannot be read back is not taken.
    CqlType::parse(&found.to_string()).map_err(|error| invalid(error.to_string()))
}

fn resolve(type_name: &TypeName, frozen: bool) -> Result<CqlType, CqlError> {
    let element = |inner: &TypeName| -> Result<Box<CqlType>, CqlError> {
        let is_open = matches!(inner.kind, TypeNameKind::List(_) | TypeNameKind::Set(_) | TypeNameKind::Map(..));
        if is_open && !frozen {
            return Err(invalid(format!("Non-frozen collections are not allowed inside collections: {type_name}")));
        }
        if is_native(inner, "counter") {
            return Err(invalid(format!("Counters are not allowed inside collections: {type_name}")));
        }
        Ok(Box::new(resolve(inner, true)?))
    };
    let found = match &type_name.kind {
        TypeNameKind::Frozen(inner) => return resolve(inner, true),
        TypeNameKind::List(inner) => CqlType::List(element(inner)?),
        TypeNameKind::Set(inner) if is_native(inner, "duration") => {
            return Err(invalid(format!("Durations are not allowed inside sets: {type_name}")));
        }
        TypeNameKind::Set(inner) => CqlType::Set(element(inner)?),
        TypeNameKind::Map(key, _) if is_native(key, "duration") => {
            return Err(invalid(format!("Durations are not allowed as map keys: {type_name}")));
        }
        TypeNameKind::Map(key, value) => CqlType::Map(element(key)?, element(value)?),
        TypeNameKind::Tuple(fields) => {
            if fields.iter().any(|field| is_native(field, "counter")) {
                return Err(invalid("Counters are not allowed inside tuples"));
            }
            let fields: Result<Vec<CqlType>, CqlError> = fields.iter().map(|field| resolve(field, true)).collect();
            return Ok(CqlType::Tuple(fields?).freeze());
        }
        TypeNameKind::Vector(inner, dimension) => {
            if *dimension == 0 {
                return Err(invalid(format!("vectors may only have positive dimensions; given {dimension}")));
            }
            let dimension = u16::try_from(*dimension)
                .map_err(|_| invalid(format!("vectors may have at most {} dimensions; given {dimension}", u16::MAX)))?;
            return Ok(CqlType::Vector(Box::new(resolve(inner, true)?), dimension));
        }
        TypeNameKind::Named(_) | TypeNameKind::Custom(_) => {
            return CqlType::parse(&type_name.to_string()).map_err(|_| invalid(format!("Unknown type {type_name}")));
        }
    };
    Ok(if frozen { found.freeze() } else { found })
}

fn is_native(type_name: &TypeName, native: &str) -> bool {
    matches!(&type_name.kind, TypeNameKind::Named(name) if name.keyspace.is_none() && name.name.name == native)
}

/// Refuses what tables cannot hold yet, by name.
///
/// # Errors
/// Invalid.
pub fn check_supported(column: &str, type_name: &TypeName) -> Result<(), CqlError> {
    let what = match &type_name.kind {
        TypeNameKind::Named(_) if is_native(type_name, "counter") => "counter",
        TypeNameKind::Named(_) if is_native(type_name, "empty") => "empty",
        TypeNameKind::Custom(_) => "custom",
        _ => return inner_types(type_name).into_iter().try_for_each(|inner| check_supported(column, inner)),
    };
    Err(invalid(format!("Column '{column}': the {what} type is not supported yet (got {type_name})")))
}

/// Refuses what a primary key can never hold.
///
/// # Errors
/// Invalid.
pub fn check_key_type(column: &str, type_name: &TypeName) -> Result<(), CqlError> {
    match &type_name.kind {
        TypeNameKind::List(_) | TypeNameKind::Set(_) | TypeNameKind::Map(..) => {
            Err(invalid(format!("Invalid non-frozen collection type {type_name} for PRIMARY KEY column '{column}'")))
        }
        TypeNameKind::Named(name) if name.name.name == "counter" => {
            Err(invalid(format!("counter type is not supported for PRIMARY KEY column '{column}'")))
        }
        _ if mentions(type_name, "duration") => {
            Err(invalid(format!("duration type is not supported for PRIMARY KEY column '{column}'")))
        }
        _ => Ok(()),
    }
}

fn inner_types(type_name: &TypeName) -> Vec<&TypeName> {
    match &type_name.kind {
        TypeNameKind::Named(_) | TypeNameKind::Custom(_) => Vec::new(),
        TypeNameKind::Frozen(inner)
        | TypeNameKind::List(inner)
        | TypeNameKind::Set(inner)
        | TypeNameKind::Vector(inner, _) => vec![&**inner],
        TypeNameKind::Map(key, value) => vec![&**key, &**value],
        TypeNameKind::Tuple(elements) => elements.iter().collect(),
    }
}

fn mentions(type_name: &TypeName, native: &str) -> bool {
    match &type_name.kind {
        TypeNameKind::Named(name) => name.keyspace.is_none() && name.name.name == native,
        _ => inner_types(type_name).into_iter().any(|inner| mentions(inner, native)),
    }
}

/// The first name in `type_name` that is no native type. There are no user-defined types yet.
fn unknown_name(type_name: &TypeName) -> Option<String> {
    match &type_name.kind {
        TypeNameKind::Named(name) => {
            let is_native = name.keyspace.is_none() && CqlType::parse(&name.to_string()).is_ok();
            (!is_native).then(|| name.to_string())
        }
        _ => inner_types(type_name).into_iter().find_map(unknown_name),
    }
}

/// The first type inside a `frozen` that is neither a collection nor a tuple.
fn needlessly_frozen(type_name: &TypeName) -> Option<&TypeName> {
    if let TypeNameKind::Frozen(inner) = &type_name.kind
        && matches!(inner.kind, TypeNameKind::Named(_))
    {
        return Some(&**inner);
    }
    inner_types(type_name).into_iter().find_map(needlessly_frozen)
}
