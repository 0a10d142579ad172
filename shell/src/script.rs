//! Takes text apart into statements, which end in a semicolon, and commands of the shell, which end with their line.

use starling_cql_lite::parser::split_statements;

use crate::command;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A CQL statement, without its semicolon.
    Statement(&'a str),
    /// A command of the shell.
    Command(&'a str),
}

/// What a text says to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Items<'a> {
    /// Complete statements and commands.
    pub complete: Vec<Item<'a>>,
    /// A statement at the end that lacks its semicolon.
    pub rest: Option<&'a str>,
}

/// Takes a text apart.
pub fn items(text: &str) -> Items<'_> {
    let mut items = Items::default();
    let mut from = 0;
    // A command has no semicolon, so the splitter sees it as part of the statement after it: cut it off, go on there.
    'again: while let Some(text) = text.get(from..) {
        let script = split_statements(text);
        for statement in script.statements.iter().chain(&script.rest) {
            if command::is_command(statement.text) {
                let line = statement.text.lines().next().unwrap_or_default();
                items.complete.push(Item::Command(line.trim_end()));
                if line.len() < statement.text.len() {
                    from += statement.offset + line.len();
                    continue 'again;
                }
            } else if script.rest.is_some_and(|rest| rest.offset == statement.offset) {
                items.rest = Some(statement.text);
            } else {
                items.complete.push(Item::Statement(statement.text));
            }
        }
        break;
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_in_semicolons_and_commands_with_their_line() {
        let text = "SELECT ';' FROM a; consistency quorum\nBEGIN BATCH INSERT 1; INSERT 2; APPLY BATCH;\n\
                    -- a comment\nHELP;DESCRIBE TABLES\nSELECT\n 2";
        assert_eq!(
            items(text),
            Items {
                complete: vec![
                    Item::Statement("SELECT ';' FROM a"),
                    Item::Command("consistency quorum"),
                    Item::Statement("BEGIN BATCH INSERT 1; INSERT 2; APPLY BATCH"),
                    Item::Command("HELP"),
                    Item::Command("DESCRIBE TABLES"),
                ],
                rest: Some("SELECT\n 2"),
            }
        );
        assert_eq!(items(" ;; -- nothing\n"), Items::default());
        assert_eq!(items("exit").complete, [Item::Command("exit")]);
    }
}
