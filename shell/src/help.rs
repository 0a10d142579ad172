//! What HELP prints.

/// Each command, how it is written, and what it does.
const TOPICS: &[(&str, &str, &str)] = &[
    ("HELP", "HELP [command]", "this list, or one of its lines"),
    ("EXIT", "EXIT, QUIT or Ctrl-D", "leave the shell"),
    ("CONSISTENCY", "CONSISTENCY [level]", "show or set the level of reads and writes"),
    ("SERIAL", "SERIAL CONSISTENCY [level]", "show or set the level of conditions: SERIAL or LOCAL_SERIAL"),
    ("PAGING", "PAGING [ON | OFF | rows]", "show or set how many rows are fetched and shown at a time"),
    ("EXPAND", "EXPAND [ON | OFF]", "show each row as a table of its own"),
    ("DESCRIBE", "DESCRIBE KEYSPACES | TABLES | KEYSPACE k | TABLE t | CLUSTER | SCHEMA", "ask the server"),
    ("SHOW", "SHOW VERSION | HOST", "versions, and which node this is"),
    ("SOURCE", "SOURCE 'file'", "run the statements in a file"),
    ("CLEAR", "CLEAR or CLS", "clear the screen"),
];

/// The help for one command or for all; None for an unknown one.
pub fn help(topic: Option<&str>) -> Option<String> {
    let topic = topic.map(|topic| match topic.split(' ').next().unwrap_or(topic) {
        "QUIT" => "EXIT",
        "DESC" => "DESCRIBE",
        "CLS" => "CLEAR",
        topic => topic,
    });
    let lines: Vec<String> = TOPICS
        .iter()
        .filter(|(name, ..)| topic.is_none_or(|topic| topic == *name))
        .map(|(_, usage, text)| format!("  {usage}\n      {text}\n"))
        .collect();
    if lines.is_empty() {
        return None;
    }
    let note =
        if topic.is_none() { "\nAnything else is CQL and ends in a semicolon; it may take many lines.\n" } else { "" };
    Some(lines.concat() + note)
}

#[test]
fn there_is_help() {
    assert!(help(None).unwrap().contains("CONSISTENCY [level]"));
    assert!(help(Some("QUIT")).unwrap().starts_with("  EXIT"));
    assert_eq!(help(Some("NONSENSE")), None);
}
