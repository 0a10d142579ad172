//! Tokens and their places.

use starling_cql_lite::lexer::keyword::{is_reserved, needs_quotes};
use starling_cql_lite::lexer::{Lexer, TokenKind};

fn kinds(text: &str) -> Vec<TokenKind> {
    let mut lexer = Lexer::new(text);
    std::iter::from_fn(|| Some(lexer.next_token().kind)).take_while(|kind| *kind != TokenKind::Eof).collect()
}

fn texts(text: &str) -> Vec<&str> {
    let mut lexer = Lexer::new(text);
    std::iter::from_fn(|| {
        let token = lexer.next_token();
        (token.kind != TokenKind::Eof).then(|| &text[token.start..token.end])
    })
    .collect()
}

#[test]
fn tokens_are_as_long_as_they_can_be() {
    use TokenKind::*;
    let table: &[(&str, &[TokenKind])] = &[
        ("a<=b>=c!=d", &[Word, LtEq, Word, GtEq, Word, NotEq, Word]),
        ("a+=1-=2", &[Word, PlusEq, Integer, MinusEq, Integer]),
        ("1..2", &[Integer, Range, Integer]),
        ("1.5.2", &[Float, Dot, Integer]),
        ("1...2", &[Float, Range, Integer]),
        ("1e5 1e 1e+ 1E-2", &[Float, Integer, Word, Integer, Word, Plus, Float]),
        ("0xFFg 0x", &[Blob, Word, Blob]),
        ("1h 1h30m 1x 5mo", &[Duration, Duration, Integer, Word, Duration]),
        ("P1D P1DX p1d P PT PT1S", &[Duration, Word, Word, Word, Word, Duration]),
        ("list<list<int>>", &[Word, Lt, Word, Lt, Word, Gt, Gt]),
        (":a ? ?", &[Colon, Word, QuestionMark, QuestionMark]),
        ("'a''b' '' \"a\"\"b\" $$'$$", &[String, String, QuotedName, DollarString]),
        ("deadbeef-0000-1111-2222-333344445555", &[Uuid]),
        (
            "deadbeef-0000-1111-2222-33334444555",
            &[Word, Minus, Integer, Minus, Integer, Minus, Integer, Minus, Integer],
        ),
        ("a -- x\n b // y\r c /* z */ d", &[Word, Word, Word, Word]),
        ("!", &[InvalidCharacter]),
        ("é", &[InvalidCharacter]),
        ("'a", &[Unterminated]),
        ("$$ a $", &[Unterminated]),
        ("a /* b", &[Word, Unterminated]),
        ("/**/", &[]),
    ];
    for (text, expected) in table {
        assert_eq!(kinds(text), *expected, "{text}");
    }
    assert_eq!(texts("1y2mo+3"), ["1y2mo", "+", "3"]);
}

#[test]
fn columns_count_characters_and_lines_start_at_one() {
    let mut lexer = Lexer::new("'é' a\r\n  b\n\nc");
    let places: Vec<_> = std::iter::from_fn(|| {
        let token = lexer.next_token();
        (token.kind != TokenKind::Eof).then_some((token.position.line, token.position.column))
    })
    .collect();
    assert_eq!(places, [(1, 0), (1, 4), (2, 2), (4, 0)]);
}

#[test]
fn reserved_words_and_odd_names_need_quotes() {
    for word in ["select", "token", "primary", "nan", "true", "entries", "with"] {
        assert!(is_reserved(word) && needs_quotes(word), "{word}");
    }
    for word in ["key", "ttl", "type", "list", "text", "count", "a_1", "values", "json", "timestamp"] {
        assert!(!is_reserved(word) && !needs_quotes(word), "{word}");
    }
    for name in ["", "A", "1a", "_a", "a b", "é", "a\"b"] {
        assert!(needs_quotes(name), "{name}");
    }
}
