//! Values of `WITH name = value`: plain constants and maps, and their canonical CQL text.

use std::collections::BTreeMap;

use starling_cql_lite::protocol::error::CqlError;

use super::error::syntax;
use super::name::{quote_text, unquote_text};

/// The value of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyValue {
    /// A string, a number, a boolean, a uuid or a bare word, as its text without quotes.
    Simple {
        /// The text.
        text: String,
        /// Whether it was (and is shown as) a string.
        quoted: bool,
    },
    /// A map of constants, keys and values as text.
    Map(BTreeMap<String, String>),
}

impl PropertyValue {
    /// A string.
    pub fn string(text: impl Into<String>) -> Self {
        PropertyValue::Simple { text: text.into(), quoted: true }
    }

    /// A number or a boolean.
    pub fn bare(text: impl Into<String>) -> Self {
        PropertyValue::Simple { text: text.into(), quoted: false }
    }

    /// A map from pairs.
    pub fn map(pairs: &[(&str, &str)]) -> Self {
        PropertyValue::Map(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    /// CQL text that parses to this value again; map entries in order of their keys.
    pub fn to_cql(&self) -> String {
        match self {
            PropertyValue::Simple { text, quoted: true } => quote_text(text),
            PropertyValue::Simple { text, quoted: false } => text.clone(),
            PropertyValue::Map(map) => {
                let entries: Vec<String> =
                    map.iter().map(|(k, v)| format!("{}: {}", quote_text(k), quote_text(v))).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    /// Reads back what [`to_cql`](Self::to_cql) wrote; `None` for any other text.
    pub fn from_cql(text: &str) -> Option<Self> {
        if text.starts_with('\'') {
            let (value, rest) = unquote_text(text)?;
            return rest.is_empty().then(|| PropertyValue::string(value));
        }
        let Some(mut rest) = text.strip_prefix('{') else {
            return Some(PropertyValue::bare(text));
        };
        let mut map = BTreeMap::new();
        while !rest.starts_with('}') {
            let (key, after_key) = unquote_text(rest)?;
            let (value, after_value) = unquote_text(after_key.strip_prefix(": ")?)?;
            map.insert(key, value);
            rest = after_value.strip_prefix(", ").unwrap_or(after_value);
        }
        (rest == "}").then_some(PropertyValue::Map(map))
    }

    /// The text of a plain value.
    ///
    /// # Errors
    /// Syntax for a map.
    pub fn as_text(&self, name: &str) -> Result<&str, CqlError> {
        match self {
            PropertyValue::Simple { text, .. } => Ok(text),
            PropertyValue::Map(_) => Err(syntax(format!("Invalid value for property '{name}'. It should be a string"))),
        }
    }

    /// The entries of a map.
    ///
    /// # Errors
    /// Syntax for a plain value.
    pub fn as_map(&self, name: &str) -> Result<&BTreeMap<String, String>, CqlError> {
        match self {
            PropertyValue::Map(map) => Ok(map),
            PropertyValue::Simple { .. } => {
                Err(syntax(format!("Invalid value for property '{name}'. It should be a map.")))
            }
        }
    }

    /// A boolean: true, yes, 1, false, no or 0.
    ///
    /// # Errors
    /// Syntax for anything else.
    pub fn as_bool(&self, name: &str) -> Result<bool, CqlError> {
        let text = self.as_text(name)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            _ => Err(syntax(format!("Invalid boolean value {text} for '{name}'"))),
        }
    }

    /// A 32-bit integer.
    ///
    /// # Errors
    /// Syntax for anything else.
    pub fn as_int(&self, name: &str) -> Result<i32, CqlError> {
        let text = self.as_text(name)?;
        text.parse().map_err(|_| syntax(format!("Invalid integer value {text} for '{name}'")))
    }

    /// A finite floating-point number.
    ///
    /// # Errors
    /// Syntax for anything else.
    pub fn as_double(&self, name: &str) -> Result<f64, CqlError> {
        let text = self.as_text(name)?;
        text.parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| syntax(format!("Invalid double value {text} for '{name}'")))
    }
}

/// Properties of one statement by name.
pub type Properties = BTreeMap<String, PropertyValue>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_reads_back() {
        for value in [
            PropertyValue::string("it's {here}: 'x', y"),
            PropertyValue::bare("0.01"),
            PropertyValue::map(&[]),
            PropertyValue::map(&[("class", "a'b"), ("x", ", '}")]),
        ] {
            assert_eq!(PropertyValue::from_cql(&value.to_cql()), Some(value));
        }
        assert_eq!(PropertyValue::from_cql("{'a'"), None);
        assert_eq!(PropertyValue::from_cql("'a"), None);
        assert_eq!(PropertyValue::from_cql("'a'b"), None);
    }
}
