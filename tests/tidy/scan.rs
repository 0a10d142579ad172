//! Looks for words and measures functions in blanked code.

use crate::source::Source;

/// A function with its place.
#[derive(Debug, PartialEq)]
pub struct Function {
    pub name: String,
    /// The line where it starts, from 1.
    pub line: usize,
    /// Lines from `fn` to its closing brace.
    pub lines: usize,
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| *byte == b'_' || byte.is_ascii_alphanumeric())
}

/// Where `word` stands in `text` as a word of its own.
fn occurrences<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = text.as_bytes();
    let ends_in_word = is_word(word.as_bytes().last());
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !(is_word(before) || ends_in_word && is_word(bytes.get(at + word.len())))
    })
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Where the last part of a path like `std::time::Instant` is imported in braces: `use std::time::{Duration, Instant}`.
fn grouped(text: &str, path: &str) -> Vec<usize> {
    let Some((parent, name)) = path.rsplit_once("::") else {
        return Vec::new();
    };
    let open = format!("{parent}::{{");
    let groups = text.match_indices(&open).map(|(at, _)| at);
    let holds = |at: &usize| {
        let group = text[*at..].split(';').next().unwrap_or_default();
        !name.is_empty() && occurrences(group, name).next().is_some()
    };
    groups.filter(holds).collect()
}

/// Complaints about each forbidden word in the code.
pub fn forbidden_words(source: &Source, words: &[(&str, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (word, reason) in words {
        for at in occurrences(&source.code, word).chain(grouped(&source.code, word)) {
            complaints.push(format!("{}:{}: `{word}`: {reason}", source.path, line_of(&source.code, at)));
        }
    }
    complaints
}

/// Complaints about each word in a text, comments and all.
pub fn words_in_text(path: &str, text: &str, words: &[&str]) -> Vec<String> {
    let found = words.iter().flat_map(|word| occurrences(text, word).map(move |at| (*word, at)));
    found.map(|(word, at)| format!("{path}:{}: {word}", line_of(text, at))).collect()
}

/// Every function that has a body.
pub fn functions(source: &Source) -> Vec<Function> {
    let code = &source.code;
    occurrences(code, "fn").filter_map(|at| function(code, at)).collect()
}

fn function(code: &str, at: usize) -> Option<Function> {
    let after = code[at + 2..].trim_start();
    let name: String = after.chars().take_while(|c| *c == '_' || c.is_alphanumeric()).collect();
    if name.is_empty() {
        return None; // the type of a function
    }
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (offset, byte) in code.as_bytes()[at..].iter().enumerate() {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b';' if brackets == 0 && braces == 0 => return None, // declared, without a body
            b'{' => braces += 1,
            b'}' if braces <= 1 => {
                let line = line_of(code, at);
                return Some(Function { name, line, lines: line_of(code, at + offset) - line + 1 });
            }
            b'}' => braces -= 1,
            _ => {}
        }
    }
    None
}

#[test]
fn functions_are_measured() {
    let text = "trait T { fn declared(&self) -> [u8; 2]; }\nfn one() { }\npub fn three(a: [u8; 4]) -> fn(u8) {\n  \
                if true { }\n}\n";
    let found = functions(&Source::new("a.rs", text));
    assert_eq!(
        found,
        [Function { name: "one".into(), line: 2, lines: 1 }, Function { name: "three".into(), line: 3, lines: 3 }]
    );
}

#[test]
fn forbidden_words_are_found_as_words() {
    let text = "use std::time::{Duration, Instant};\nlet instant = InstantLike; Instant::at(1);\nbrand::x();\n";
    let source = Source::new("a.rs", text);
    assert_eq!(forbidden_words(&source, &[("std::time::Instant", "r")]), ["a.rs:1: `std::time::Instant`: r"]);
    assert_eq!(forbidden_words(&source, &[("InstantLike", "r")]), ["a.rs:2: `InstantLike`: r"]);
    assert!(forbidden_words(&source, &[("rand::", "r"), ("Instant::now", "r"), ("std::fs", "r")]).is_empty());
    let source = Source::new("a.rs", "fn f() { tokio::spawn(g()); todo!() }\n");
    assert_eq!(forbidden_words(&source, &[("tokio", "r"), ("todo!", "r"), ("unsafe", "r")]).len(), 2);
    assert_eq!(words_in_text("a.md", "a\n// TODO: b\nTODOS", &["TODO"]), ["a.md:2: TODO"]);
}
