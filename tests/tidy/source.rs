//! A source file with everything blanked that is not code: comments, the insides of strings, unit tests.

/// One Rust file.
pub struct Source {
    /// Path from the root, with `/`.
    pub path: String,
    /// The code with comments, string contents and unit tests replaced by spaces; lines stay where they were.
    pub code: String,
    /// Lines in the file.
    pub lines: usize,
}

impl Source {
    /// Takes a file's text apart.
    pub fn new(path: &str, text: &str) -> Source {
        let mut code = blank_comments_and_strings(text);
        blank_unit_tests(&mut code);
        Source { path: path.to_owned(), code: String::from_utf8_lossy(&code).into_owned(), lines: text.lines().count() }
    }

    /// Whether the path is `place` or lies in it.
    pub fn is_in(&self, place: &str) -> bool {
        self.path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether the file belongs to tests or benches only.
    pub fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        let unit_tests = self.path.ends_with("/tests.rs");
        unit_tests || (parts.any(|part| part == "tests" || part == "benches") && !self.path.contains("/src/"))
    }
}

fn blank(bytes: &mut [u8], from: usize, to: usize) {
    let end = to.min(bytes.len());
    for byte in &mut bytes[from.min(end)..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// Where the text starting at `from` has `end`, past it; the end of the text if nowhere.
fn past(text: &[u8], from: usize, end: &[u8]) -> usize {
    (from..text.len()).find(|at| text[*at..].starts_with(end)).map_or(text.len(), |at| at + end.len())
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// The end of a quoted text that starts after its opening quote.
fn past_quoted(text: &[u8], mut at: usize, quote: u8) -> usize {
    while at < text.len() && text[at] != quote {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn past_block_comment(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < text.len() {
        if text[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
        } else {
            at += 1;
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// If a raw string starts here (at the `r` or the `b` or `c` before it), its first inner byte and its end.
fn raw_string(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = match text[at..] {
        [b'r', ..] => at + 1,
        [b'b' | b'c', b'r', ..] => at + 2,
        _ => return None,
    };
    let hashes = text[start..].iter().take_while(|byte| **byte == b'#').count();
    if text.get(start + hashes) != Some(&b'"') {
        return None;
    }
    let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    Some((start + hashes + 1, past(text, start + hashes + 1, &end)))
}

/// A character literal's end, unless the quote begins a lifetime.
fn past_char(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at + 1)? {
        b'\\' => Some(past_quoted(text, at + 1, b'\'')),
        byte => {
            let width = match byte {
                0..=0x7F => 1,
                0xC0..=0xDF => 2,
                0xE0..=0xEF => 3,
                _ => 4,
            };
            (text.get(at + 1 + width) == Some(&b'\'')).then_some(at + 2 + width)
        }
    }
}

fn blank_comments_and_strings(source: &str) -> Vec<u8> {
    let text = source.as_bytes();
    let mut code = text.to_vec();
    let mut at = 0;
    while at < text.len() {
        let in_word = at > 0 && is_word(text[at - 1]);
        let next = if text[at..].starts_with(b"//") {
            let end = past(text, at, b"\n");
            blank(&mut code, at, end);
            end
        } else if text[at..].starts_with(b"/*") {
            let end = past_block_comment(text, at);
            blank(&mut code, at, end);
            end
        } else if text[at] == b'"' {
            let end = past_quoted(text, at + 1, b'"');
            blank(&mut code, at + 1, end.saturating_sub(1));
            end
        } else if let Some((inner, end)) = raw_string(text, at).filter(|_| !in_word) {
            blank(&mut code, inner, end);
            end
        } else if let Some(end) = (text[at] == b'\'').then(|| past_char(text, at)).flatten() {
            blank(&mut code, at + 1, end - 1);
            end
        } else {
            at + 1
        };
        at = next;
    }
    code
}

/// The end of the item that starts at `from`: past its closing brace, or past its semicolon.
fn past_item(code: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

fn blank_unit_tests(code: &mut [u8]) {
    const MARK: &[u8] = b"#[cfg(test)]";
    let mut at = 0;
    while let Some(start) = (at..code.len()).find(|start| code[*start..].starts_with(MARK)) {
        let end = past_item(code, start + MARK.len());
        blank(code, start, end);
        at = end;
    }
}

#[test]
fn comments_strings_and_unit_tests_are_blanked() {
    let text = "fn a<'x>(b: &'x str) { // tokio\n  let c = \"Instant \\\" x\"; /* a /* b */ c */ let d = 'q'; let e = '\\'';\n\
                let f = r#\"File \" x\"#; }\n#[cfg(test)]\nmod tests { fn g() { unsafe {} } }\nfn h() {}\n";
    let source = Source::new("a/b.rs", text);
    for gone in ["tokio", "Instant", "q", "File", "unsafe", "mod tests"] {
        assert!(!source.code.contains(gone), "{gone} in {}", source.code);
    }
    for kept in ["fn a<'x>(b: &'x str) {", "let d = ' '", "let f = r#\"", "fn h() {}"] {
        assert!(source.code.contains(kept), "no {kept} in {}", source.code);
    }
    assert_eq!(source.code.lines().count(), text.lines().count());
}

#[test]
fn a_path_is_in_its_folder_only() {
    let source = Source::new("node/src/plan/select.rs", "");
    assert!(source.is_in("node/src/plan") && source.is_in("node/src/plan/select.rs"));
    assert!(!source.is_in("node/src/pl") && !source.is_in("node/src/planner"));
    assert!(!source.is_test());
    assert!(Source::new("ring/tests/a.rs", "").is_test() && !Source::new("tests/simulation/src/a.rs", "").is_test());
}
