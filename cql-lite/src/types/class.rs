//! Types as Cassandra's class names: how the protocol carries types that have no id of their own.

use super::{CqlType, MAX_TYPE_DEPTH, native};

const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

impl CqlType {
    /// The type as a class name with its parameters, as in
    /// `org.apache.cassandra.db.marshal.ListType(org.apache.cassandra.db.marshal.Int32Type)`.
    pub fn class_name(&self) -> String {
        let mut out = String::new();
        write_class(self, &mut out);
        out
    }
}

fn write_class(ty: &CqlType, out: &mut String) {
    let (name, parts): (&str, Vec<&CqlType>) = match ty {
        CqlType::Custom(class) => {
            out.push_str(class);
            return;
        }
        CqlType::Vector(element, dimension) => {
            out.push_str(PACKAGE);
            out.push_str("VectorType(");
            write_class(element, out);
            out.push_str(&format!(" , {dimension})"));
            return;
        }
        CqlType::Udt { keyspace, name, fields } => {
            out.push_str(PACKAGE);
            out.push_str(&format!("UserType({keyspace},{}", hex(name)));
            for (field, ty) in fields {
                out.push_str(&format!(",{}:", hex(field)));
                write_class(ty, out);
            }
            out.push(')');
            return;
        }
        CqlType::List(e) => ("ListType", vec![e.as_ref()]),
        CqlType::Set(e) => ("SetType", vec![e.as_ref()]),
        CqlType::Map(k, v) => ("MapType", vec![k.as_ref(), v.as_ref()]),
        CqlType::Frozen(inner) => ("FrozenType", vec![inner.as_ref()]),
        CqlType::Tuple(elements) => ("TupleType", elements.iter().collect()),
        scalar => (native::entry(scalar).map_or("BytesType", |native| native.class), Vec::new()),
    };
    out.push_str(PACKAGE);
    out.push_str(name);
    if !parts.is_empty() {
        for (i, part) in parts.into_iter().enumerate() {
            out.push(if i == 0 { '(' } else { ',' });
            write_class(part, out);
        }
        out.push(')');
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

/// The type that a class name stands for; `None` for classes that are not Cassandra's own.
pub(super) fn parse(text: &str) -> Option<CqlType> {
    let mut rest = text;
    let ty = parse_class(&mut rest, 0)?;
    rest.trim().is_empty().then_some(ty)
}

fn word<'a>(rest: &mut &'a str) -> &'a str {
    let text = rest.trim_start();
    let end = text.find(['(', ')', ',', ':', ' ']).unwrap_or(text.len());
    let (word, tail) = text.split_at(end);
    *rest = tail.trim_start();
    word
}

fn accept(rest: &mut &str, wanted: char) -> bool {
    match rest.trim_start().strip_prefix(wanted) {
        Some(tail) => {
            *rest = tail.trim_start();
            true
        }
        None => false,
    }
}

fn parse_class(rest: &mut &str, depth: usize) -> Option<CqlType> {
    if depth >= MAX_TYPE_DEPTH {
        return None;
    }
    let name = word(rest);
    let name = name.strip_prefix(PACKAGE).unwrap_or(name);
    if let Some(native) = native::NATIVES.iter().find(|native| native.class == name) {
        return Some(native.ty.clone());
    }
    if !accept(rest, '(') {
        return None;
    }
    let next = |rest: &mut &str| parse_class(rest, depth + 1);
    let ty = match name {
        "ListType" => CqlType::List(Box::new(next(rest)?)),
        "SetType" => CqlType::Set(Box::new(next(rest)?)),
        "FrozenType" => next(rest)?.freeze(),
        "ReversedType" => next(rest)?,
        "MapType" => {
            let key = next(rest)?;
            accept(rest, ',').then_some(())?;
            CqlType::Map(Box::new(key), Box::new(next(rest)?))
        }
        "VectorType" => {
            let element = next(rest)?;
            accept(rest, ',').then_some(())?;
            CqlType::Vector(Box::new(element), word(rest).parse().ok().filter(|d| *d > 0)?)
        }
        "TupleType" => {
            let mut elements = vec![next(rest)?];
            while accept(rest, ',') {
                elements.push(next(rest)?);
            }
            CqlType::Tuple(elements)
        }
        "UserType" => parse_udt(rest, depth)?,
        _ => return None,
    };
    accept(rest, ')').then_some(ty)
}

fn parse_udt(rest: &mut &str, depth: usize) -> Option<CqlType> {
    let keyspace = word(rest).to_owned();
    accept(rest, ',').then_some(())?;
    let name = unhex(word(rest))?;
    let mut fields = Vec::new();
    while accept(rest, ',') {
        let field = unhex(word(rest))?;
        accept(rest, ':').then_some(())?;
        fields.push((field, parse_class(rest, depth + 1)?));
    }
    Some(CqlType::Udt { keyspace, name, fields })
}

fn unhex(text: &str) -> Option<String> {
    String::from_utf8(crate::literal::parse_hex(text)?).ok()
}
