//! Wire form of collections, tuples and vectors: assembling them from elements and taking them apart.

use bytes::{BufMut, Bytes, BytesMut};

use crate::ordered;
use crate::types::CqlType;
use crate::value::ValueError;
use crate::vint;

fn invalid(message: impl Into<String>) -> ValueError {
    ValueError::Invalid(message.into())
}

/// Elements of a list, set or map (keys and values in turn), borrowed from its wire form.
pub struct Elements<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Elements<'a> {
    /// Starts reading; `per_entry` is 2 for a map, else 1.
    ///
    /// # Errors
    /// A count that is missing, negative or more than the bytes can hold.
    pub fn new(wire: &'a [u8], per_entry: usize) -> Result<Self, ValueError> {
        let Some((count, rest)) = wire.split_first_chunk::<4>() else {
            return Err(invalid("Not enough bytes to read a collection's size"));
        };
        let count = usize::try_from(i32::from_be_bytes(*count))
            .map_err(|_| invalid("The number of a collection's elements is negative"))?;
        // Every element takes at least its four bytes of length.
        if count.saturating_mul(per_entry) > rest.len() / 4 {
            return Err(invalid("Not enough bytes to read a collection's elements"));
        }
        Ok(Self { rest, left: count * per_entry })
    }

    /// Elements that are still to come.
    pub fn remaining(&self) -> usize {
        self.left
    }

    /// The next element, `None` after the last.
    ///
    /// # Errors
    /// An element that is null or reaches beyond the end.
    pub fn next_element(&mut self) -> Result<Option<&'a [u8]>, ValueError> {
        match self.next_nullable()? {
            Some(None) => Err(invalid("null is not supported inside collections")),
            element => Ok(element.flatten()),
        }
    }

    /// The next element, which may be null as in `ttl` of a collection; `None` after the last.
    ///
    /// # Errors
    /// An element that reaches beyond the end.
    pub fn next_nullable(&mut self) -> Result<Option<Option<&'a [u8]>>, ValueError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        take_value(&mut self.rest).map(Some)
    }

    /// Checks that nothing follows the last element.
    ///
    /// # Errors
    /// Bytes that do not belong to the collection.
    pub fn finish(self) -> Result<(), ValueError> {
        if self.rest.is_empty() { Ok(()) } else { Err(invalid("Unexpected extraneous bytes after a collection value")) }
    }
}

/// Takes a `[value]` of an `[int]` length (negative: null) off the front.
fn take_value<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, ValueError> {
    let Some((length, tail)) = rest.split_first_chunk::<4>() else {
        return Err(invalid("Not enough bytes to read a value's size"));
    };
    let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
        *rest = tail;
        return Ok(None);
    };
    let Some((value, tail)) = tail.split_at_checked(length) else {
        return Err(invalid(format!("Not enough bytes to read a value of {length} bytes")));
    };
    *rest = tail;
    Ok(Some(value))
}

/// Fields of a tuple or user-defined value, as many as are given: those missing at its end are null. (Who fills them in
/// makes many bytes of few.)
///
/// # Errors
/// Bytes that end early, or more fields than `count`.
pub fn tuple_fields(mut wire: &[u8], count: usize) -> Result<Vec<Option<&[u8]>>, ValueError> {
    let mut fields = Vec::with_capacity(count.min(wire.len() / 4));
    while !wire.is_empty() {
        if fields.len() == count {
            return Err(invalid(format!("Expected {count} fields but there are more bytes")));
        }
        fields.push(take_value(&mut wire)?);
    }
    Ok(fields)
}

/// Elements of a vector.
///
/// # Errors
/// Bytes that are too few or too many for the dimension.
pub fn vector_elements<'a>(element: &CqlType, dimension: u16, mut wire: &'a [u8]) -> Result<Vec<&'a [u8]>, ValueError> {
    let short = || invalid("Not enough bytes to read a vector's elements");
    let mut elements = Vec::with_capacity(usize::from(dimension).min(wire.len()));
    for _ in 0..dimension {
        let length = match element.vector_element_length() {
            Some(length) => length,
            None => {
                let (length, rest) = vint::read_unsigned(wire).ok_or_else(short)?;
                wire = rest;
                usize::try_from(length).map_err(|_| short())?
            }
        };
        let (item, rest) = wire.split_at_checked(length).ok_or_else(short)?;
        elements.push(item);
        wire = rest;
    }
    if wire.is_empty() { Ok(elements) } else { Err(invalid("Unexpected extraneous bytes after a vector value")) }
}

fn put_value(out: &mut BytesMut, value: Option<&[u8]>) -> Result<(), ValueError> {
    match value {
        None => out.put_i32(-1),
        Some(bytes) => {
            out.put_i32(i32::try_from(bytes.len()).map_err(|_| invalid("Value is too long"))?);
            out.put_slice(bytes);
        }
    }
    Ok(())
}

fn put_size(out: &mut BytesMut, count: usize) -> Result<(), ValueError> {
    out.put_i32(i32::try_from(count).map_err(|_| invalid("Collection has too many elements"))?);
    Ok(())
}

/// Wire form of a list of elements in wire form.
///
/// # Errors
/// Elements that are too many or too long for their 32-bit counts.
pub fn encode_list<T: AsRef<[u8]>>(elements: &[T]) -> Result<Bytes, ValueError> {
    let mut out = BytesMut::with_capacity(4 + elements.iter().map(|e| 4 + e.as_ref().len()).sum::<usize>());
    put_size(&mut out, elements.len())?;
    for element in elements {
        put_value(&mut out, Some(element.as_ref()))?;
    }
    Ok(out.freeze())
}

/// Wire form of a set: elements are sorted in the order of their type, equal ones become one.
///
/// # Errors
/// As [`encode_list`].
pub fn encode_set<T: AsRef<[u8]>>(element: &CqlType, mut elements: Vec<T>) -> Result<Bytes, ValueError> {
    elements.sort_by(|a, b| ordered::compare(element, a.as_ref(), b.as_ref()));
    elements.dedup_by(|a, b| ordered::compare(element, a.as_ref(), b.as_ref()).is_eq());
    encode_list(&elements)
}

/// Wire form of a map: sorted by key; of equal keys the last entry counts.
///
/// # Errors
/// As [`encode_list`].
pub fn encode_map<T: AsRef<[u8]>>(key: &CqlType, mut entries: Vec<(T, T)>) -> Result<Bytes, ValueError> {
    // Stable: among equal keys the last given stays last; `dedup` keeps the first, so reversed before.
    entries.reverse();
    entries.sort_by(|a, b| ordered::compare(key, a.0.as_ref(), b.0.as_ref()));
    entries.dedup_by(|a, b| ordered::compare(key, a.0.as_ref(), b.0.as_ref()).is_eq());
    let mut out = BytesMut::new();
    put_size(&mut out, entries.len())?;
    for (key, value) in &entries {
        put_value(&mut out, Some(key.as_ref()))?;
        put_value(&mut out, Some(value.as_ref()))?;
    }
    Ok(out.freeze())
}

/// Wire form of a tuple or user-defined value.
///
/// # Errors
/// As [`encode_list`].
pub fn encode_tuple<T: AsRef<[u8]>>(fields: &[Option<T>]) -> Result<Bytes, ValueError> {
    let mut out = BytesMut::new();
    for field in fields {
        put_value(&mut out, field.as_ref().map(AsRef::as_ref))?;
    }
    Ok(out.freeze())
}

/// Wire form of a vector; the caller has checked that there are as many elements as its dimension.
///
/// # Errors
/// An element of a wrong length where the type has a fixed one.
pub fn encode_vector<T: AsRef<[u8]>>(element: &CqlType, elements: &[T]) -> Result<Bytes, ValueError> {
    let mut out = BytesMut::new();
    for item in elements {
        let item = item.as_ref();
        match element.vector_element_length() {
            Some(length) if length != item.len() => {
                return Err(invalid(format!("Expected {length} bytes for an element of a vector ({})", item.len())));
            }
            Some(_) => {}
            None => vint::write_unsigned(&mut out, item.len() as u64),
        }
        out.put_slice(item);
    }
    Ok(out.freeze())
}

/// A valid value with its sets and maps, at any depth, sorted and without repeats.
///
/// # Errors
/// Bytes that are no value of the type.
pub fn sort_parts(ty: &CqlType, wire: &[u8]) -> Result<Bytes, ValueError> {
    let each = |ty: &CqlType, elements: Vec<&[u8]>| -> Result<Vec<Bytes>, ValueError> {
        elements.into_iter().map(|element| sort_parts(ty, element)).collect()
    };
    match ty.unfrozen() {
        CqlType::List(element) => encode_list(&each(element, all_elements(wire, 1)?)?),
        CqlType::Set(element) => encode_set(element, each(element, all_elements(wire, 1)?)?),
        CqlType::Map(key, value) => {
            let elements = all_elements(wire, 2)?;
            let pairs = elements.chunks_exact(2).filter_map(|pair| Some((pair.first()?, pair.get(1)?)));
            let entries: Result<Vec<_>, ValueError> =
                pairs.map(|(k, v)| Ok((sort_parts(key, k)?, sort_parts(value, v)?))).collect();
            encode_map(key, entries?)
        }
        CqlType::Tuple(types) => sort_fields(types.iter(), types.len(), wire),
        CqlType::Udt { fields, .. } => sort_fields(fields.iter().map(|(_, ty)| ty), fields.len(), wire),
        CqlType::Vector(element, dimension) => {
            encode_vector(element, &each(element, vector_elements(element, *dimension, wire)?)?)
        }
        _ => Ok(Bytes::copy_from_slice(wire)),
    }
}

fn sort_fields<'t>(types: impl Iterator<Item = &'t CqlType>, count: usize, wire: &[u8]) -> Result<Bytes, ValueError> {
    let fields: Result<Vec<Option<Bytes>>, ValueError> = types
        .zip(tuple_fields(wire, count)?)
        .map(|(ty, field)| field.map(|field| sort_parts(ty, field)).transpose())
        .collect();
    encode_tuple(&fields?)
}

/// All elements of a list, set or map (keys and values in turn).
///
/// # Errors
/// As [`Elements`].
pub fn all_elements(wire: &[u8], per_entry: usize) -> Result<Vec<&[u8]>, ValueError> {
    let mut elements = Elements::new(wire, per_entry)?;
    let mut all = Vec::with_capacity(elements.remaining());
    while let Some(element) = elements.next_element()? {
        all.push(element);
    }
    elements.finish()?;
    Ok(all)
}

/// Wire form of a list whose elements may be null, as `ttl` of a collection gives it.
///
/// # Errors
/// As [`encode_list`].
pub fn encode_list_with_nulls<T: AsRef<[u8]>>(elements: &[Option<T>]) -> Result<Bytes, ValueError> {
    let mut out = BytesMut::new();
    put_size(&mut out, elements.len())?;
    for element in elements {
        put_value(&mut out, element.as_ref().map(AsRef::as_ref))?;
    }
    Ok(out.freeze())
}
