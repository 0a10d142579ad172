//! The shell's own commands.

use std::str::FromStr;

use starling_driver::ConsistencyLevel;

/// A command of the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// HELP [topic].
    Help(Option<String>),
    /// EXIT, QUIT.
    Exit,
    /// CONSISTENCY [level].
    Consistency(Option<ConsistencyLevel>),
    /// SERIAL CONSISTENCY [level].
    SerialConsistency(Option<ConsistencyLevel>),
    /// PAGING [ON|OFF|rows].
    Paging(Option<Paging>),
    /// EXPAND [ON|OFF].
    Expand(Option<bool>),
    /// SHOW VERSION.
    ShowVersion,
    /// SHOW HOST.
    ShowHost,
    /// SOURCE 'file'.
    Source(String),
    /// CLEAR, CLS.
    Clear,
    /// DESCRIBE ..., which the server answers.
    Describe(String),
}

/// What PAGING is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// With the number of rows it had before.
    On,
    /// All rows at once.
    Off,
    /// So many rows at a time.
    Rows(u32),
}

/// Commands that cqlsh has and this shell has not.
const NOT_SUPPORTED: &[&str] = &["TRACING", "COPY", "CAPTURE", "LOGIN", "UNICODE", "DEBUG", "ELAPSED", "HISTORY"];

const SUPPORTED: &[&str] = &[
    "HELP",
    "?",
    "EXIT",
    "QUIT",
    "CONSISTENCY",
    "SERIAL",
    "PAGING",
    "EXPAND",
    "SHOW",
    "SOURCE",
    "CLEAR",
    "CLS",
    "DESCRIBE",
    "DESC",
];

/// Whether a text begins with the name of a command, not of a CQL statement.
pub fn is_command(text: &str) -> bool {
    let name = first_word(text).to_ascii_uppercase();
    SUPPORTED.contains(&name.as_str()) || NOT_SUPPORTED.contains(&name.as_str())
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    if text.starts_with('?') {
        return "?";
    }
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// Reads a command. The error says what is wrong with it.
pub fn parse(line: &str) -> Result<Command, String> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let name = first_word(line);
    let rest = line[name.len()..].trim();
    let words: Vec<&str> = rest.split_whitespace().collect();
    let upper: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
    let name = name.to_ascii_uppercase();
    match (name.as_str(), upper.as_slice()) {
        ("HELP" | "?", []) => Ok(Command::Help(None)),
        ("HELP" | "?", topic) => Ok(Command::Help(Some(topic.join(" ")))),
        ("EXIT" | "QUIT", []) => Ok(Command::Exit),
        ("CONSISTENCY", []) => Ok(Command::Consistency(None)),
        ("CONSISTENCY", [level]) => level_of(level).map(|level| Command::Consistency(Some(level))),
        ("SERIAL", ["CONSISTENCY"]) => Ok(Command::SerialConsistency(None)),
        ("SERIAL", ["CONSISTENCY", level]) => match level_of(level)? {
            level @ (ConsistencyLevel::Serial | ConsistencyLevel::LocalSerial) => {
                Ok(Command::SerialConsistency(Some(level)))
            }
            _ => Err("the serial consistency level is SERIAL or LOCAL_SERIAL".to_owned()),
        },
        ("PAGING", []) => Ok(Command::Paging(None)),
        ("PAGING", ["ON"]) => Ok(Command::Paging(Some(Paging::On))),
        ("PAGING", ["OFF"]) => Ok(Command::Paging(Some(Paging::Off))),
        ("PAGING", [rows]) => match rows.parse() {
            Ok(rows) if rows > 0 => Ok(Command::Paging(Some(Paging::Rows(rows)))),
            _ => Err(format!("PAGING takes ON, OFF or a number of rows, not {rows}")),
        },
        ("EXPAND", []) => Ok(Command::Expand(None)),
        ("EXPAND", ["ON"]) => Ok(Command::Expand(Some(true))),
        ("EXPAND", ["OFF"]) => Ok(Command::Expand(Some(false))),
        ("SHOW", ["VERSION"]) => Ok(Command::ShowVersion),
        ("SHOW", ["HOST"]) => Ok(Command::ShowHost),
        ("SHOW", _) => Err("SHOW takes VERSION or HOST".to_owned()),
        ("SOURCE", _) => path_of(rest).map(Command::Source),
        ("CLEAR" | "CLS", []) => Ok(Command::Clear),
        ("DESCRIBE" | "DESC", _) => Ok(Command::Describe(format!("DESCRIBE {rest}"))),
        (name, _) if NOT_SUPPORTED.contains(&name) => Err(format!("{name} is not supported by this shell")),
        (name, _) if SUPPORTED.contains(&name) => Err(format!("{name} does not take `{rest}`; see HELP {name}")),
        _ => Err(format!("unknown command {name}; see HELP")),
    }
}

fn level_of(name: &str) -> Result<ConsistencyLevel, String> {
    ConsistencyLevel::from_str(name).map_err(|_| format!("{name} is not a consistency level"))
}

/// A file's name, with or without quotes.
fn path_of(text: &str) -> Result<String, String> {
    let quoted = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    let path = quoted.map_or_else(|| text.to_owned(), |text| text.replace("''", "'"));
    if path.is_empty() { Err("SOURCE wants a file's name in quotes".to_owned()) } else { Ok(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_known_by_their_first_word() {
        for command in ["help", "CONSISTENCY quorum", "desc tables", "? x", "TRACING ON", "exit;"] {
            assert!(is_command(command), "{command}");
        }
        for statement in ["SELECT 1", "describes", "use x", "INSERT", "", "LIST ROLES"] {
            assert!(!is_command(statement), "{statement}");
        }
    }

    #[test]
    fn commands_are_read() {
        for (line, command) in [
            ("help", Command::Help(None)),
            ("HELP paging ;", Command::Help(Some("PAGING".to_owned()))),
            ("quit;", Command::Exit),
            ("consistency", Command::Consistency(None)),
            ("consistency local_quorum", Command::Consistency(Some(ConsistencyLevel::LocalQuorum))),
            ("serial consistency LOCAL_SERIAL", Command::SerialConsistency(Some(ConsistencyLevel::LocalSerial))),
            ("paging 20", Command::Paging(Some(Paging::Rows(20)))),
            ("PAGING off", Command::Paging(Some(Paging::Off))),
            ("expand on", Command::Expand(Some(true))),
            ("show version", Command::ShowVersion),
            ("source '/tmp/it''s.cql'", Command::Source("/tmp/it's.cql".to_owned())),
            ("desc keyspace \"Ks\"", Command::Describe("DESCRIBE keyspace \"Ks\"".to_owned())),
            ("cls", Command::Clear),
        ] {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn wrong_commands_are_named() {
        for (line, part) in [
            ("consistency most", "MOST is not a consistency level"),
            ("serial consistency ONE", "SERIAL or LOCAL_SERIAL"),
            ("paging 0", "ON, OFF or a number"),
            ("expand maybe", "EXPAND does not take `maybe`"),
            ("show session", "VERSION or HOST"),
            ("source", "wants a file's name"),
            ("tracing on", "TRACING is not supported"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
