//! The types that selectors have by themselves.

use starling_cql_lite::ast::{self, ConstantKind, SelectorKind, TermKind};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::aggregate::AggregateKind;
use super::arithmetic;
use super::function;
use super::term::{Terms, parse_type};

/// Whether a term takes the type of what stands beside it: a marker does, and an ASCII string beside another one. Numbers
/// have types of their own, so that `tinyint + 1` is an int.
pub(crate) fn takes_type(selector: &ast::Selector, wanted: Option<&CqlType>) -> bool {
    match (&selector.kind, wanted) {
        (SelectorKind::Term(ast::Term { kind: TermKind::Constant(constant), .. }), Some(wanted)) => {
            constant.kind == ConstantKind::String && *wanted == CqlType::Ascii && constant.text.is_ascii()
        }
        _ => true,
    }
}

/// The type a selector has by itself; `None` for markers and null.
pub(crate) fn natural_type(terms: &mut Terms<'_>, selector: &ast::Selector) -> Result<Option<CqlType>, CqlError> {
    Ok(match &selector.kind {
        SelectorKind::Column(name) => {
            let index = terms.info.find(name)?;
            Some(terms.info.column(index).cql_type.clone())
        }
        SelectorKind::Term(term) => terms.natural_type(term)?,
        SelectorKind::CountAll | SelectorKind::WriteTime(_) | SelectorKind::MaxWriteTime(_) => Some(CqlType::BigInt),
        SelectorKind::Ttl(_) => Some(CqlType::Int),
        SelectorKind::Cast { type_name, .. } | SelectorKind::TypeHint { type_name, .. } => Some(parse_type(type_name)?),
        SelectorKind::Function { name, arguments } => {
            let plain = name.name.name.to_ascii_lowercase();
            let mut types = Vec::with_capacity(arguments.len());
            for argument in arguments {
                types.push(natural_type(terms, argument)?);
            }
            match (AggregateKind::named(&plain), types.first()) {
                (Some(kind), Some(Some(argument))) => Some(kind.result_type(&plain, argument)?),
                (Some(_), _) => None,
                (None, _) => Some(function::resolve(name, &types, None, terms.info)?.returns),
            }
        }
        SelectorKind::Arithmetic { operator, left, right } => {
            match (natural_type(terms, left)?, natural_type(terms, right)?) {
                (Some(left), Some(right)) => arithmetic::result_type(*operator, &left, &right),
                _ => None,
            }
        }
        SelectorKind::Negate(inner) => natural_type(terms, inner)?,
        _ => None,
    })
}
