//! Collections, tuples and vectors in an order-preserving form: element by element, as CQL compares them.
//!
//! Each element starts with a lead byte: 1 null (only fields of tuples), 2 the empty value, 3 a value. A value
//! of a type without a fixed length has its zero bytes escaped (00 FF) and ends with 00 00. A collection ends with
//! a lead byte 0, so the shorter of two that start alike comes first; so does a tuple whose last fields are null, which
//! are left out.

use super::{decode, encode};
use crate::collection::{Elements, encode_list, encode_tuple, encode_vector, tuple_fields, vector_elements};
use crate::types::CqlType;
use crate::value::ValueError;

const END: u8 = 0;
const NULL: u8 = 1;
const EMPTY: u8 = 2;
const VALUE: u8 = 3;

fn damaged() -> ValueError {
    ValueError::Invalid("Not the ordered form of a collection or tuple".to_owned())
}

/// The types of a collection's elements in turn: one, or key and value.
fn element_types(ty: &CqlType) -> Option<Vec<&CqlType>> {
    match ty {
        CqlType::List(element) | CqlType::Set(element) => Some(vec![&**element]),
        CqlType::Map(key, value) => Some(vec![&**key, &**value]),
        _ => None,
    }
}

fn field_types(ty: &CqlType) -> Option<Vec<&CqlType>> {
    match ty {
        CqlType::Tuple(types) => Some(types.iter().collect()),
        CqlType::Udt { fields, .. } => Some(fields.iter().map(|(_, ty)| ty).collect()),
        _ => None,
    }
}

/// Appends the ordered form of a value made of others; `Ok(false)`: the type is not of that kind.
pub(super) fn encode_composite(ty: &CqlType, wire: &[u8], out: &mut Vec<u8>) -> Result<bool, ValueError> {
    if let Some(types) = element_types(ty) {
        let mut elements = Elements::new(wire, types.len())?;
        for ty in types.iter().cycle() {
            let Some(element) = elements.next_element()? else { break };
            put(ty, Some(element), out)?;
        }
        elements.finish()?;
        out.push(END);
        return Ok(true);
    }
    if let Some(types) = field_types(ty) {
        // The empty value comes before a tuple of nulls, and nothing else is empty.
        if wire.is_empty() {
            return Ok(true);
        }
        let mut fields = tuple_fields(wire, types.len())?;
        while fields.last().is_some_and(Option::is_none) {
            fields.pop();
        }
        let given = fields.len();
        for (ty, field) in types.iter().zip(fields) {
            put(ty, field, out)?;
        }
        if given < types.len() {
            out.push(END);
        }
        return Ok(true);
    }
    if let CqlType::Vector(element, dimension) = ty {
        for item in vector_elements(element, *dimension, wire)? {
            put(element, Some(item), out)?;
        }
        return Ok(true);
    }
    Ok(false)
}

fn put(ty: &CqlType, value: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let Some(value) = value else {
        out.push(NULL);
        return Ok(());
    };
    if value.is_empty() {
        out.push(EMPTY);
        return Ok(());
    }
    out.push(VALUE);
    if ty.fixed_length().is_some() {
        return encode(ty, value, out);
    }
    let mut ordered = Vec::with_capacity(value.len());
    encode(ty, value, &mut ordered)?;
    for byte in ordered {
        out.push(byte);
        if byte == 0 {
            out.push(0xFF);
        }
    }
    out.extend_from_slice(&[0, 0]);
    Ok(())
}

/// The wire form of what [`encode_composite`] wrote; `Ok(None)`: the type is not of that kind.
pub(super) fn decode_composite(ty: &CqlType, ordered: &[u8]) -> Result<Option<Vec<u8>>, ValueError> {
    let mut rest = ordered;
    let wire = if let Some(types) = element_types(ty) {
        let mut elements = Vec::new();
        for ty in types.iter().cycle() {
            match take(ty, &mut rest)? {
                Taken::End => break,
                Taken::Value(Some(value)) => elements.push(value),
                Taken::Value(None) => return Err(damaged()),
            }
        }
        if elements.len() % types.len() != 0 {
            return Err(damaged());
        }
        let mut wire = encode_list(&elements)?.to_vec();
        // The count is that of entries, not of keys and values.
        let count = i32::try_from(elements.len() / types.len()).map_err(|_| damaged())?;
        wire.get_mut(..4).ok_or_else(damaged)?.copy_from_slice(&count.to_be_bytes());
        wire
    } else if let Some(types) = field_types(ty) {
        if ordered.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut fields = Vec::new();
        for ty in &types {
            match take(ty, &mut rest)? {
                Taken::Value(field) => fields.push(field),
                Taken::End if fields.last().is_some_and(Option::is_none) => return Err(damaged()),
                Taken::End => break,
            }
        }
        // One of nulls alone is not the empty value.
        if fields.is_empty() {
            fields.push(None);
        }
        encode_tuple(&fields)?.to_vec()
    } else if let CqlType::Vector(element, dimension) = ty {
        let mut elements = Vec::new();
        for _ in 0..*dimension {
            elements.push(take(element, &mut rest)?.value()?.ok_or_else(damaged)?);
        }
        encode_vector(element, &elements)?.to_vec()
    } else {
        return Ok(None);
    };
    if rest.is_empty() { Ok(Some(wire)) } else { Err(damaged()) }
}

enum Taken {
    End,
    Value(Option<Vec<u8>>),
}

impl Taken {
    fn value(self) -> Result<Option<Vec<u8>>, ValueError> {
        match self {
            Taken::Value(value) => Ok(value),
            Taken::End => Err(damaged()),
        }
    }
}

fn take(ty: &CqlType, rest: &mut &[u8]) -> Result<Taken, ValueError> {
    let (lead, tail) = rest.split_first().ok_or_else(damaged)?;
    *rest = tail;
    match *lead {
        END => return Ok(Taken::End),
        NULL => return Ok(Taken::Value(None)),
        EMPTY => return Ok(Taken::Value(Some(Vec::new()))),
        VALUE => {}
        _ => return Err(damaged()),
    }
    if let Some(length) = ty.fixed_length() {
        let (value, tail) = rest.split_at_checked(length).ok_or_else(damaged)?;
        *rest = tail;
        return decode(ty, value).map(|value| Taken::Value(Some(value)));
    }
    let mut value = Vec::new();
    loop {
        let (byte, tail) = rest.split_first().ok_or_else(damaged)?;
        *rest = tail;
        if *byte != 0 {
            value.push(*byte);
            continue;
        }
        let (mark, tail) = rest.split_first().ok_or_else(damaged)?;
        *rest = tail;
        match *mark {
            0 => break,
            0xFF => value.push(0),
            _ => return Err(damaged()),
        }
    }
    decode(ty, &value).map(|value| Taken::Value(Some(value)))
}
