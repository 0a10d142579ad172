//! Types of columns: from the name in a statement, and which of them user tables may have.

use starling_cql_lite::ast::{TypeName, TypeNameKind};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::error::invalid;

/// The type that a statement in `keyspace` names.
///
/// # Errors
/// Invalid for unknown types and for `frozen` around types that have no other form.
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
    CqlType::parse(&type_name.to_string()).map_err(|_| invalid(format!("Unknown type {type_name}")))
}

/// Refuses what tables cannot hold yet, by name.
///
/// # Errors
/// Invalid.
pub fn check_supported(column: &str, type_name: &TypeName) -> Result<(), CqlError> {
    let what = match &type_name.kind {
        TypeNameKind::Named(name) if name.name.name == "counter" => "counter",
        TypeNameKind::Named(name) if name.name.name == "empty" => "empty",
        TypeNameKind::Named(_) => return Ok(()),
        TypeNameKind::Frozen(inner) => return check_supported(column, inner),
        TypeNameKind::List(_) => "list",
        TypeNameKind::Set(_) => "set",
        TypeNameKind::Map(..) => "map",
        TypeNameKind::Tuple(_) => "tuple",
        TypeNameKind::Vector(..) => "vector",
        TypeNameKind::Custom(_) => "custom",
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
