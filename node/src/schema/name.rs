//! Names of keyspaces, tables and columns: what is allowed, and how they are quoted.

use std::borrow::Cow;

use starling_cql_lite::lexer::keyword::needs_quotes;

/// Longest name of a keyspace, in characters.
pub const KEYSPACE_NAME_LENGTH: usize = 48;
/// Longest name of a table, in characters.
pub const TABLE_NAME_LENGTH: usize = 48;

/// Longest name of a column, in bytes: what the protocol can tell clients.
pub const COLUMN_NAME_BYTES: usize = u16::MAX as usize;

/// Whether `name` consists of 1 to `max_length` ASCII word characters.
pub fn is_valid_name(name: &str, max_length: usize) -> bool {
    !name.is_empty()
        && name.len() <= max_length
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A name as CQL text: in double quotes where it would not read back as itself.
pub fn quote_name(name: &str) -> Cow<'_, str> {
    if needs_quotes(name) { Cow::Owned(format!("\"{}\"", name.replace('"', "\"\""))) } else { Cow::Borrowed(name) }
}

/// A string constant as CQL text.
pub fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Reads a string constant from the start of `text`; gives its value and what follows it.
pub fn unquote_text(text: &str) -> Option<(String, &str)> {
    let body = text.strip_prefix('\'')?;
    let mut value = String::new();
    let mut chars = body.char_indices().peekable();
    while let Some((at, character)) = chars.next() {
        if character != '\'' {
            value.push(character);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Some((value, body.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_word_characters_of_bounded_length() {
        assert!(is_valid_name("Abc_9", 48));
        assert!(is_valid_name(&"x".repeat(48), 48));
        for bad in ["", "a-b", "a b", "é", "a.b", &"x".repeat(49)] {
            assert!(!is_valid_name(bad, 48), "{bad}");
        }
    }

    #[test]
    fn quoting_only_where_needed() {
        assert_eq!(quote_name("abc_9"), "abc_9");
        assert_eq!(quote_name("Abc"), "\"Abc\"");
        assert_eq!(quote_name("9a"), "\"9a\"");
        assert_eq!(quote_name("select"), "\"select\"");
        assert_eq!(quote_name("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote_name("key"), "key");
        assert_eq!(quote_text("it's"), "'it''s'");
        assert_eq!(unquote_text("'it''s' x"), Some(("it's".to_owned(), " x")));
    }
}
