//! Errors as text: what went wrong, and where in the statement.

use starling_driver::{CqlError, DriverError};

/// The error, and under it the line of the statement that it points at, with a caret under the column.
pub fn complaint(error: &DriverError, statement: &str) -> String {
    let DriverError::Server(server) = error else {
        return error.to_string();
    };
    let message = server.to_string();
    let pointer = position(&message).and_then(|(line, column)| caret(statement, line, column)).unwrap_or_default();
    format!("{}: {message}{pointer}", name(server))
}

/// The names that users of cqlsh know.
fn name(error: &CqlError) -> &'static str {
    match error.code() {
        0x000A => "ProtocolError",
        0x0100 => "AuthenticationFailed",
        0x1000 => "Unavailable",
        0x1001 => "OverloadedException",
        0x1002 => "IsBootstrapping",
        0x1003 => "TruncateError",
        0x1100 => "WriteTimeout",
        0x1200 => "ReadTimeout",
        0x1300 => "ReadFailure",
        0x1400 => "FunctionFailure",
        0x1500 => "WriteFailure",
        0x1600 => "CDCWriteException",
        0x1700 => "CasWriteUnknown",
        0x2000 => "SyntaxException",
        0x2100 => "Unauthorized",
        0x2200 => "InvalidRequest",
        0x2300 => "ConfigurationException",
        0x2400 => "AlreadyExists",
        0x2500 => "PreparedQueryNotFound",
        _ => "ServerError",
    }
}

/// Line (from 1) and column (from 0) of a message that begins `line L:C`.
fn position(message: &str) -> Option<(usize, usize)> {
    let (place, _) = message.strip_prefix("line ")?.split_once(' ')?;
    let (line, column) = place.split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

fn caret(statement: &str, line: usize, column: usize) -> Option<String> {
    let text = statement.lines().nth(line.checked_sub(1)?)?;
    let length = text.chars().count();
    if column > length {
        return None;
    }
    // Tabs stay tabs, so that the caret stands under its column whatever their width.
    let before: String = text.chars().take(column).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    Some(format!("\n  {text}\n  {before}^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_column() {
        assert_eq!(position("line 2:5 no viable alternative"), Some((2, 5)));
        assert_eq!(position("unconfigured table"), None);
        assert_eq!(position("line x:5 a"), None);
        assert_eq!(caret("SELECT *\n\tFORM t", 2, 1).unwrap(), "\n  \tFORM t\n  \t^");
        assert_eq!(caret("SELECT", 1, 6).unwrap(), "\n  SELECT\n        ^");
        assert_eq!(caret("SELECT", 1, 7), None);
        assert_eq!(caret("SELECT", 0, 0), None);
        assert_eq!(caret("SELECT", 3, 0), None);
    }
}
