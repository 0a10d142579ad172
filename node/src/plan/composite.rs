//! Literals of collections, tuples and vectors.

use bytes::Bytes;
use starling_cql_lite::ast::{self, TermKind};
use starling_cql_lite::collection::{encode_list, encode_map, encode_set, encode_tuple, encode_vector};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::ValueError;

use super::errors::invalid;
use super::term::{Term, Terms, assignable, literal_kind};
use super::values::{Environment, TermValue};
use super::variables::Receiver;

/// Most bytes of a value that a statement builds of others: a few letters name a large value many times over. As much as
/// an unpaged result or the largest mutation.
pub(crate) const BUILT_BYTES_MAX: usize = 16 << 20;

/// A literal that has markers or calls in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Composite {
    /// Its type, without `frozen`.
    pub cql_type: CqlType,
    /// Its elements; of a map keys and values in turn.
    pub elements: Vec<Term>,
}

/// The receiver of an element of a collection.
pub(crate) fn element_receiver(role: &str, receiver: &str, cql_type: &CqlType) -> Receiver {
    Receiver::new(format!("{role}({receiver})"), cql_type.clone())
}

impl Terms<'_> {
    /// A literal of a collection, tuple or vector.
    pub(super) fn composite(&mut self, term: &ast::Term, receiver: &Receiver) -> Result<Term, CqlError> {
        self.variables.weigh(&receiver.cql_type)?;
        let cql_type = receiver.cql_type.unfrozen().clone();
        let elements = match (&term.kind, &cql_type) {
            (TermKind::List(items), CqlType::List(element)) => self.items("list", items, element, receiver)?,
            (TermKind::List(items), CqlType::Vector(element, dimension)) => {
                if items.len() != usize::from(*dimension) {
                    return Err(invalid(format!(
                        "Invalid vector literal for {} of type {cql_type}; expected {dimension} elements, but given {}",
                        receiver.name,
                        items.len()
                    )));
                }
                self.items("vector", items, element, receiver)?
            }
            (TermKind::Set(items), CqlType::Set(element)) => self.items("set", items, element, receiver)?,
            (TermKind::Set(items), CqlType::Map(..)) if items.is_empty() => Vec::new(),
            (TermKind::Map(entries), CqlType::Map(key, value)) => self.entries(entries, key, value, receiver)?,
            (TermKind::Tuple(fields), CqlType::Tuple(types)) => self.fields(fields, types, receiver)?,
            (TermKind::Tuple(_), _) => {
                return Err(invalid(format!(
                    "Invalid tuple type literal for {} of type {}",
                    receiver.name, receiver.cql_type
                )));
            }
            (kind, _) => {
                let form = match kind {
                    TermKind::List(_) => "list",
                    TermKind::Set(_) => "set",
                    TermKind::Map(_) => "map",
                    _ => "user type",
                };
                return Err(invalid(format!(
                    "Invalid {form} literal for {} of type {}",
                    receiver.name, receiver.cql_type
                )));
            }
        };
        let composite = Composite { cql_type, elements };
        match composite.constant()? {
            Some(value) => Ok(Term::Value(value)),
            None => Ok(Term::Composite(Box::new(composite))),
        }
    }

    fn items(
        &mut self,
        form: &str,
        items: &[ast::Term],
        element: &CqlType,
        receiver: &Receiver,
    ) -> Result<Vec<Term>, CqlError> {
        let wanted = element_receiver("value", &receiver.name, element);
        let mut prepared = Vec::with_capacity(items.len());
        for item in items {
            if !self.fits(item, element)? {
                return Err(invalid(format!(
                    "Invalid {form} literal for {}: value {item} is not of type {element}",
                    receiver.name
                )));
            }
            prepared.push(self.prepare(item, &wanted)?);
        }
        Ok(prepared)
    }

    fn entries(
        &mut self,
        entries: &[(ast::Term, ast::Term)],
        key: &CqlType,
        value: &CqlType,
        receiver: &Receiver,
    ) -> Result<Vec<Term>, CqlError> {
        let keys = element_receiver("key", &receiver.name, key);
        let values = element_receiver("value", &receiver.name, value);
        let mut prepared = Vec::with_capacity(2 * entries.len());
        for (first, second) in entries {
            for (role, term, wanted) in [("key", first, &keys), ("value", second, &values)] {
                if !self.fits(term, &wanted.cql_type)? {
                    return Err(invalid(format!(
                        "Invalid map literal for {}: {role} {term} is not of type {}",
                        receiver.name, wanted.cql_type
                    )));
                }
                prepared.push(self.prepare(term, wanted)?);
            }
        }
        Ok(prepared)
    }

    fn fields(&mut self, fields: &[ast::Term], types: &[CqlType], receiver: &Receiver) -> Result<Vec<Term>, CqlError> {
        if fields.len() > types.len() {
            return Err(invalid(format!(
                "Invalid tuple literal for {}: too many elements. Type {} expects {} but got {}",
                receiver.name,
                receiver.cql_type,
                types.len(),
                fields.len()
            )));
        }
        let mut prepared = Vec::with_capacity(fields.len());
        for (position, (field, wanted)) in fields.iter().zip(types).enumerate() {
            if !self.fits(field, wanted)? {
                return Err(invalid(format!(
                    "Invalid tuple literal for {}: component {position} is not of type {wanted}",
                    receiver.name
                )));
            }
            prepared
                .push(self.prepare(field, &Receiver::new(format!("{}[{position}]", receiver.name), wanted.clone()))?);
        }
        Ok(prepared)
    }

    /// Whether a term's form can stand for a value of a type.
    fn fits(&mut self, term: &ast::Term, wanted: &CqlType) -> Result<bool, CqlError> {
        let inner = wanted.unfrozen();
        Ok(match &term.kind {
            TermKind::Constant(constant) => literal_kind(constant.kind).is_assignable_to(inner),
            TermKind::List(_) => matches!(inner, CqlType::List(_) | CqlType::Vector(..)),
            TermKind::Set(items) => {
                matches!(inner, CqlType::Set(_)) || (items.is_empty() && matches!(inner, CqlType::Map(..)))
            }
            TermKind::Map(_) => matches!(inner, CqlType::Map(..)),
            TermKind::UserType(_) => matches!(inner, CqlType::Udt { .. }),
            TermKind::Function(_) | TermKind::TypeHint { .. } | TermKind::Cast { .. } => {
                self.natural_type(term)?.is_none_or(|own| assignable(&own, wanted))
            }
            _ => true,
        })
    }
}

impl Composite {
    /// Its value if nothing in it is left to be bound.
    fn constant(&self) -> Result<Option<Bytes>, CqlError> {
        let mut values = Vec::with_capacity(self.elements.len());
        for element in &self.elements {
            values.push(match element {
                Term::Value(value) => Some(value.clone()),
                Term::Null => None,
                _ => return Ok(None),
            });
        }
        assemble(&self.cql_type, values).map(Some)
    }

    /// Its value with the markers bound.
    pub fn evaluate(&self, environment: &Environment<'_>) -> Result<Bytes, CqlError> {
        let is_tuple = matches!(self.cql_type, CqlType::Tuple(_));
        let evaluated = self.elements.iter().enumerate().map(|(number, element)| {
            Ok(match element.evaluate(environment)? {
                TermValue::Value(value) => Some(value),
                TermValue::Null => None,
                TermValue::Unset if is_tuple => {
                    return Err(invalid(format!("Invalid unset value for tuple field number {number}")));
                }
                TermValue::Unset => return Err(invalid("unset value is not supported inside collections")),
            })
        });
        assemble(&self.cql_type, gather(evaluated)?)
    }
}

/// Collects what a value is built of, as long as it is not too much.
pub(crate) fn gather(
    values: impl Iterator<Item = Result<Option<Bytes>, CqlError>>,
) -> Result<Vec<Option<Bytes>>, CqlError> {
    let (mut gathered, mut size) = (Vec::new(), 0);
    for value in values {
        let value = value?;
        size += value.as_ref().map_or(0, Bytes::len);
        if size > BUILT_BYTES_MAX {
            return Err(invalid(format!("A value of more than {BUILT_BYTES_MAX} bytes would be built")));
        }
        gathered.push(value);
    }
    Ok(gathered)
}

/// Puts a value together from its elements.
pub(crate) fn assemble(cql_type: &CqlType, values: Vec<Option<Bytes>>) -> Result<Bytes, CqlError> {
    let failed = |error: ValueError| invalid(error.to_string());
    if matches!(cql_type, CqlType::Tuple(_)) {
        return encode_tuple(&values).map_err(failed);
    }
    let values: Option<Vec<Bytes>> = values.into_iter().collect();
    let values = values.ok_or_else(|| invalid("null is not supported inside collections"))?;
    match cql_type {
        CqlType::List(_) => encode_list(&values),
        CqlType::Set(element) => encode_set(element, values),
        CqlType::Map(key, _) => {
            let mut entries = Vec::with_capacity(values.len() / 2);
            let mut values = values.into_iter();
            while let (Some(key), Some(value)) = (values.next(), values.next()) {
                entries.push((key, value));
            }
            encode_map(key, entries)
        }
        CqlType::Vector(element, _) => encode_vector(element, &values),
        other => Err(ValueError::Invalid(format!("{other} is not made of other types"))),
    }
    .map_err(failed)
}
