//! The WITH clause of a statement as properties by name.

use starling_cql_lite::ast;
use starling_cql_lite::protocol::error::CqlError;

use super::error::syntax;
use super::property::{Properties, PropertyValue};

/// Collects the properties of a statement.
///
/// # Errors
/// Syntax for a name given twice.
pub fn properties(given: &[ast::Property]) -> Result<Properties, CqlError> {
    let mut properties = Properties::new();
    for property in given {
        let name = property.name.name.to_ascii_lowercase();
        if properties.insert(name.clone(), value(&property.value)).is_some() {
            return Err(syntax(format!("Multiple definition for property '{name}'")));
        }
    }
    Ok(properties)
}

fn value(given: &ast::PropertyValue) -> PropertyValue {
    match given {
        ast::PropertyValue::Constant(constant) => {
            PropertyValue::Simple { text: constant.text.clone(), quoted: constant.kind == ast::ConstantKind::String }
        }
        ast::PropertyValue::Word(word) => PropertyValue::string(word.name.clone()),
        ast::PropertyValue::Map(entries) => {
            PropertyValue::Map(entries.iter().map(|(key, value)| (key.text.clone(), value.text.clone())).collect())
        }
    }
}
