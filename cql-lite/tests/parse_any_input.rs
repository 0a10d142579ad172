//! No text makes the parser panic, and splitting a script loses nothing.

mod statements;

use proptest::prelude::*;
use starling_cql_lite::lexer::{Lexer, TokenKind};
use starling_cql_lite::parser::{parse_statement, split_statements};

fn statement() -> impl Strategy<Value = &'static str> {
    let all: Vec<&str> = statements::DATA.iter().chain(statements::DEFINITIONS).copied().collect();
    prop::sample::select(all)
}

fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "SELECT",
        "FROM",
        "WHERE",
        "t",
        "a",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "=",
        ",",
        ".",
        "..",
        ":",
        "?",
        ";",
        "-",
        "+",
        "*",
        "1",
        "'s'",
        "\"Q\"",
        "\"\"",
        "$$",
        "'",
        "\"",
        "/*",
        "*/",
        "--",
        "\n",
        "1h",
        "0x",
        "P1Y",
        "IN",
        "token",
        "INSERT INTO",
        "VALUES",
        "BEGIN BATCH",
        "APPLY BATCH",
        "IF",
        "EXISTS",
        "AS",
        "cast",
        "json",
        "null",
        "UPDATE",
        "SET",
        "DELETE",
        "CREATE TABLE",
        "PRIMARY KEY",
        "WITH",
        "AND",
        "list",
        "ä",
        "\u{1F600}",
        "DESCRIBE",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_is_parsed_or_refused(text in any::<String>()) {
        let _ = parse_statement(&text);
        let _ = split_statements(&text);
    }

    #[test]
    fn arbitrary_tokens_are_parsed_or_refused(tokens in prop::collection::vec(token(), 0..40)) {
        let text = tokens.join(" ");
        let _ = parse_statement(&text);
        let _ = parse_statement(&tokens.concat());
        let _ = split_statements(&text);
    }

    #[test]
    fn mutated_statements_are_parsed_or_refused(
        text in statement(),
        at in any::<prop::sample::Index>(),
        length in 0usize..4,
        insert in token(),
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        let end = (at + length).min(characters.len());
        characters.splice(at..end, insert.chars());
        let mutated: String = characters.into_iter().collect();
        let _ = parse_statement(&mutated);
        let _ = parse_statement(&text[..text.floor_char_boundary(at)]);
    }

    #[test]
    fn an_error_lies_within_the_text(text in "[ -~\n]{0,60}") {
        if let Err(error) = parse_statement(&text) {
            let lines: Vec<&str> = text.split('\n').collect();
            let line = lines.get(error.line as usize - 1);
            prop_assert!(line.is_some_and(|line| error.column as usize <= line.chars().count()), "{error}");
        }
    }

    #[test]
    fn tokens_are_in_order_and_end(text in any::<String>()) {
        let mut lexer = Lexer::new(&text);
        let mut end = 0;
        loop {
            let token = lexer.next_token();
            prop_assert!(token.start >= end && token.end <= text.len());
            prop_assert!(text.get(token.start..token.end).is_some());
            end = token.end;
            if token.kind == TokenKind::Eof {
                break;
            }
            prop_assert!(token.end > token.start);
        }
    }

    #[test]
    fn a_script_is_split_into_its_statements(list in prop::collection::vec(statement(), 0..8)) {
        let mut script = String::new();
        for text in &list {
            script.push_str(text);
            script.push_str(if text.contains("//") { "\n;" } else { " ;\n-- next\n" });
        }
        let found = split_statements(&script);
        prop_assert_eq!(found.rest, None);
        let expected: Vec<_> = list.iter().map(|text| parse_statement(text).map(|p| p.statement.name())).collect();
        let parsed: Vec<_> =
            found.statements.iter().map(|part| parse_statement(part.text).map(|p| p.statement.name())).collect();
        prop_assert_eq!(parsed, expected);
        for part in &found.statements {
            prop_assert!(script[part.offset..].starts_with(part.text));
        }
    }
}
