//! Functions of collections and of vectors.

use bytes::Bytes;
use starling_cql_lite::collection::{all_elements, encode_list, vector_elements};
use starling_cql_lite::ordered;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::ValueError;

use super::aggregate::{Accumulator, AggregateKind};
use super::errors::invalid;
use super::number::is_numeric;

/// Which function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CollectionFunction {
    /// `map_keys`: a set.
    MapKeys,
    /// `map_values`: a list.
    MapValues,
    /// `collection_count`.
    Count,
    /// `collection_min`, `_max`, `_sum`, `_avg`: of a set or list.
    Aggregate(AggregateKind),
    /// `similarity_cosine`, `_euclidean`, `_dot_product`: of two vectors of floats.
    Similarity(Similarity),
}

/// How alike two vectors are, between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Similarity {
    /// By their angle.
    Cosine,
    /// By their distance.
    Euclidean,
    /// By their dot product.
    DotProduct,
}

impl CollectionFunction {
    /// The function of a name.
    pub fn named(name: &str) -> Option<CollectionFunction> {
        use CollectionFunction as F;
        Some(match name {
            "map_keys" => F::MapKeys,
            "map_values" => F::MapValues,
            "collection_count" => F::Count,
            "collection_min" => F::Aggregate(AggregateKind::Min),
            "collection_max" => F::Aggregate(AggregateKind::Max),
            "collection_sum" => F::Aggregate(AggregateKind::Sum),
            "collection_avg" => F::Aggregate(AggregateKind::Avg),
            "similarity_cosine" => F::Similarity(Similarity::Cosine),
            "similarity_euclidean" => F::Similarity(Similarity::Euclidean),
            "similarity_dot_product" => F::Similarity(Similarity::DotProduct),
            _ => return None,
        })
    }

    /// The types of its arguments and of its result.
    pub fn resolve(self, name: &str, types: &[Option<CqlType>]) -> Result<(Vec<CqlType>, CqlType), CqlError> {
        use CollectionFunction as F;
        let (parameters, count) = match self {
            F::MapKeys | F::MapValues => ("map", 1),
            F::Count => ("collection", 1),
            F::Aggregate(AggregateKind::Sum | AggregateKind::Avg) => ("numeric_set_or_list", 1),
            F::Aggregate(_) => ("set_or_list", 1),
            F::Similarity(_) => ("float_vector, float_vector", 2),
        };
        if types.len() != count {
            return Err(invalid(format!("Invalid number of arguments for function system.{name}({parameters})")));
        }
        // A marker beside a vector is one of its kind.
        let Some(own) = types.iter().flatten().next() else {
            return Err(invalid(format!(
                "Cannot infer type of argument ? in call to function system.{name}({parameters}): use type casts to \
                 disambiguate"
            )));
        };
        let refused = |wanted: &str| {
            Err(invalid(format!("Function system.{name} requires a {wanted} argument, but found one of type {own}")))
        };
        let returns = match (self, own.unfrozen()) {
            (F::MapKeys, CqlType::Map(key, _)) => CqlType::Set(key.clone()),
            (F::MapValues, CqlType::Map(_, value)) => CqlType::List(value.clone()),
            (F::MapKeys | F::MapValues, _) => return refused("map"),
            (F::Count, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..)) => CqlType::Int,
            (F::Count, _) => return refused("collection"),
            (F::Aggregate(kind), CqlType::List(element) | CqlType::Set(element)) => {
                let sums = matches!(kind, AggregateKind::Sum | AggregateKind::Avg);
                if sums && !is_numeric(element) {
                    return refused("numeric set or list");
                }
                (**element).clone()
            }
            (F::Aggregate(_), _) => return refused("set or list"),
            (F::Similarity(_), CqlType::Vector(element, _)) if **element == CqlType::Float => CqlType::Float,
            (F::Similarity(_), _) => return refused("float vector"),
        };
        Ok((vec![own.clone(); count], returns))
    }

    /// The result for wire arguments, none of them null.
    pub fn evaluate(self, cql_type: &CqlType, arguments: &[Bytes]) -> Result<Option<Bytes>, CqlError> {
        let failed = |error: ValueError| invalid(error.to_string());
        let Some(wire) = arguments.first() else { return Ok(None) };
        if let CollectionFunction::Similarity(similarity) = self {
            let Some(other) = arguments.get(1) else { return Ok(None) };
            let (a, b) = (floats(cql_type, wire)?, floats(cql_type, other)?);
            return Ok(Some(Bytes::copy_from_slice(&similarity.of(&a, &b)?.to_be_bytes())));
        }
        let per_entry = if matches!(cql_type.unfrozen(), CqlType::Map(..)) { 2 } else { 1 };
        let elements = all_elements(wire, per_entry).map_err(failed)?;
        match self {
            CollectionFunction::Count => {
                let count = i32::try_from(elements.len() / per_entry).unwrap_or(i32::MAX);
                Ok(Some(Bytes::copy_from_slice(&count.to_be_bytes())))
            }
            CollectionFunction::MapKeys => {
                encode_list(&elements.iter().step_by(2).collect::<Vec<_>>()).map(Some).map_err(failed)
            }
            CollectionFunction::MapValues => {
                encode_list(&elements.iter().skip(1).step_by(2).collect::<Vec<_>>()).map(Some).map_err(failed)
            }
            CollectionFunction::Aggregate(kind) => aggregate(kind, cql_type, &elements),
            CollectionFunction::Similarity(_) => Ok(None),
        }
    }
}

fn aggregate(kind: AggregateKind, cql_type: &CqlType, elements: &[&[u8]]) -> Result<Option<Bytes>, CqlError> {
    let (CqlType::List(element) | CqlType::Set(element)) = cql_type.unfrozen() else {
        return Ok(None);
    };
    if matches!(kind, AggregateKind::Min | AggregateKind::Max) {
        let compare = |a: &&&[u8], b: &&&[u8]| ordered::compare(element, a, b);
        let found = match kind {
            AggregateKind::Min => elements.iter().min_by(compare),
            _ => elements.iter().max_by(compare),
        };
        return Ok(found.map(|element| Bytes::copy_from_slice(element)));
    }
    let mut sum = Accumulator::new(kind, element);
    for element in elements {
        sum.add(Some(&Bytes::copy_from_slice(element)))?;
    }
    sum.finish()
}

fn floats(cql_type: &CqlType, wire: &[u8]) -> Result<Vec<f32>, CqlError> {
    let CqlType::Vector(element, dimension) = cql_type.unfrozen() else {
        return Err(invalid(format!("{cql_type} is not a vector")));
    };
    let elements = vector_elements(element, *dimension, wire).map_err(|error| invalid(error.to_string()))?;
    Ok(elements.into_iter().filter_map(|bytes| bytes.try_into().ok().map(f32::from_be_bytes)).collect())
}

impl Similarity {
    fn of(self, a: &[f32], b: &[f32]) -> Result<f32, CqlError> {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        Ok(match self {
            Similarity::DotProduct => (1.0 + dot(a, b)) / 2.0,
            Similarity::Euclidean => {
                let square: f32 = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum();
                1.0 / (1.0 + square)
            }
            Similarity::Cosine => {
                let (left, right) = (dot(a, a), dot(b, b));
                if left == 0.0 || right == 0.0 {
                    return Err(invalid("Function system.similarity_cosine doesn't support all-zero vectors."));
                }
                let cosine = f64::from(dot(a, b)) / (f64::from(left) * f64::from(right)).sqrt();
                ((1.0 + cosine) / 2.0) as f32
            }
        })
    }
}
