//! CQL types as the script writes them.

use anyhow::{Context, Result, bail, ensure};

/// A CQL type; frozen or not makes no difference to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A type without parameters, by its name.
    Native(String),
    /// `list<...>`.
    List(Box<Kind>),
    /// `set<...>`.
    Set(Box<Kind>),
    /// `map<..., ...>`.
    Map(Box<(Kind, Kind)>),
    /// `tuple<...>`.
    Tuple(Vec<Kind>),
    /// `vector<..., n>`.
    Vector(Box<Kind>, u16),
}

impl Kind {
    /// Reads `map<text, frozen<list<int>>>` and the like.
    pub fn parse(text: &str) -> Result<Kind> {
        let text = text.trim();
        let Some((outer, rest)) = text.split_once('<') else {
            return Ok(Kind::Native(text.to_owned()));
        };
        let inner = rest.strip_suffix('>').with_context(|| format!("`{text}` has no end"))?;
        let parts = split(inner);
        let kind = |at: usize| parts.get(at).copied().with_context(|| format!("`{text}` lacks a parameter"));
        let one = || Kind::parse(kind(0)?).map(Box::new);
        let count = if matches!(outer, "map" | "vector") { 2 } else { 1 };
        ensure!(outer == "tuple" || parts.len() == count, "`{text}` has {} parameters", parts.len());
        Ok(match outer {
            "frozen" => Kind::parse(kind(0)?)?,
            "list" => Kind::List(one()?),
            "set" => Kind::Set(one()?),
            "map" => Kind::Map(Box::new((Kind::parse(kind(0)?)?, Kind::parse(kind(1)?)?))),
            "tuple" => Kind::Tuple(parts.iter().map(|part| Kind::parse(part)).collect::<Result<_>>()?),
            "vector" => Kind::Vector(one()?, kind(1)?.trim().parse()?),
            _ => bail!("`{outer}` is not a type with parameters"),
        })
    }

    /// The name, if it is a type without parameters.
    pub fn native(&self) -> Option<&str> {
        match self {
            Kind::Native(name) => Some(name),
            _ => None,
        }
    }
}

/// Splits at the commas outside of angle brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read() {
        let native = |name: &str| Kind::Native(name.to_owned());
        assert_eq!(Kind::parse("int").unwrap(), native("int"));
        let list = Kind::List(Box::new(native("uuid")));
        assert_eq!(
            Kind::parse("frozen<map<text, frozen<list<uuid>>>>").unwrap(),
            Kind::Map(Box::new((native("text"), list)))
        );
        assert_eq!(Kind::parse("tuple<int, inet>").unwrap(), Kind::Tuple(vec![native("int"), native("inet")]));
        assert_eq!(Kind::parse("vector<float, 3>").unwrap(), Kind::Vector(Box::new(native("float")), 3));
        for wrong in ["list<int", "list<int, int>", "map<int>", "vector<float>", "vector<float, x>", "bag<int>"] {
            assert!(Kind::parse(wrong).is_err(), "{wrong}");
        }
    }
}
