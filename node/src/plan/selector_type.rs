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
            let cql_type = &terms.info.column(terms.info.find(name)?).cql_type;
            terms.variables.weigh(cql_type)?;
            Some(cql_type.clone())
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
        SelectorKind::Element { base, .. } => natural_type(terms, base)?.and_then(|base| match base.unfrozen() {
            CqlType::Set(element) | CqlType::Map(_, element) => Some((**element).clone()),
            _ => None,
        }),
        SelectorKind::Slice { base, .. } => natural_type(terms, base)?,
        SelectorKind::List(_) | SelectorKind::Set(_) | SelectorKind::Map(_) | SelectorKind::Tuple(_) => {
            literal_type(terms, selector)?
        }
        SelectorKind::Field { .. } | SelectorKind::UserType(_) => None,
    })
}

/// The type of a literal whose elements have types of their own.
fn literal_type(terms: &mut Terms<'_>, selector: &ast::Selector) -> Result<Option<CqlType>, CqlError> {
    let (elements, _) = literal_elements(selector);
    let mut types = Vec::with_capacity(elements.len());
    for element in &elements {
        types.push(natural_type(terms, element)?.map(nested));
    }
    let first_of = |types: &mut dyn Iterator<Item = Option<CqlType>>| types.flatten().next().map(Box::new);
    Ok(match &selector.kind {
        SelectorKind::List(_) => first_of(&mut types.into_iter()).map(CqlType::List),
        SelectorKind::Set(_) => first_of(&mut types.into_iter()).map(CqlType::Set),
        SelectorKind::Map(_) => {
            let key = first_of(&mut types.iter().step_by(2).cloned());
            let value = first_of(&mut types.iter().skip(1).step_by(2).cloned());
            key.zip(value).map(|(key, value)| CqlType::Map(key, value))
        }
        SelectorKind::Tuple(elements) if elements.len() == 1 => types.into_iter().flatten().next(),
        _ => types.into_iter().collect::<Option<Vec<_>>>().map(|types| CqlType::Tuple(types).freeze()),
    })
}

/// A type as it is inside of another.
fn nested(cql_type: CqlType) -> CqlType {
    if cql_type.is_collection() { cql_type.freeze() } else { cql_type }
}

/// The elements of a literal (of a map keys and values in turn) and its brackets.
pub(crate) fn literal_elements(selector: &ast::Selector) -> (Vec<&ast::Selector>, [char; 2]) {
    match &selector.kind {
        SelectorKind::List(elements) => (elements.iter().collect(), ['[', ']']),
        SelectorKind::Set(elements) => (elements.iter().collect(), ['{', '}']),
        SelectorKind::Map(entries) => (entries.iter().flat_map(|(key, value)| [key, value]).collect(), ['{', '}']),
        SelectorKind::Tuple(elements) => (elements.iter().collect(), ['(', ')']),
        _ => (Vec::new(), ['(', ')']),
    }
}

/// The types of `count` elements of a literal; `None` if it cannot have as many.
pub(crate) fn element_type_list(cql_type: &CqlType, count: usize) -> Option<Vec<&CqlType>> {
    match cql_type.unfrozen() {
        CqlType::List(element) | CqlType::Set(element) => Some(vec![&**element; count]),
        CqlType::Vector(element, dimension) => (usize::from(*dimension) == count).then(|| vec![&**element; count]),
        CqlType::Map(key, value) => Some([&**key, &**value].into_iter().cycle().take(count).collect()),
        CqlType::Tuple(types) => (types.len() >= count).then(|| types.iter().collect()),
        _ => None,
    }
}
