//! The house rules as tests: who may depend on whom, what pure code must not name, how long a function may be. Each
//! rule has a table in `rules`; an exception is listed there with its reason, and one that is no longer needed fails.

#![allow(clippy::unwrap_used)]

mod layers;
mod rules;
mod scan;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the project below `folder` whose name ends in one of `extensions`, as paths from the root.
fn files(folder: &Path, extensions: &[&str], found: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", ".git", ".venv", "__pycache__"].contains(&name.as_str()) {
                files(&path, extensions, found);
            }
        } else if extensions.iter().any(|extension| name.ends_with(extension)) {
            found.push(path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/"));
        }
    }
}

fn rust_sources() -> Vec<Source> {
    let mut paths = Vec::new();
    files(&root(), &[".rs"], &mut paths);
    paths.iter().map(|path| Source::new(path, &fs::read_to_string(root().join(path)).unwrap())).collect()
}

fn assert_none(what: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{what}:\n  {}\n", complaints.join("\n  "));
}

/// Complaints about exceptions that name nothing any more.
fn stale<'a>(table: &str, listed: impl Iterator<Item = &'a str>, used: &BTreeSet<String>) -> Vec<String> {
    listed
        .filter(|entry| !used.contains(*entry))
        .map(|entry| format!("{table}: {entry} is listed but not needed"))
        .collect()
}

#[test]
fn dependencies_run_one_way() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    let members = layers::members(&workspace).into_iter().map(|member| format!("{member}/Cargo.toml"));
    for path in members.chain(["Cargo.toml".to_owned()]) {
        let manifest = layers::Manifest::parse(&fs::read_to_string(root().join(&path)).unwrap());
        complaints.extend(layers::check(&manifest, rules::LAYERS));
        seen.insert(manifest.package);
    }
    complaints.extend(stale("LAYERS", rules::LAYERS.iter().map(|layer| layer.package), &seen));
    assert_none("layers", &complaints);
}

#[test]
fn pure_code_names_no_clock_randomness_threads_sockets_or_files() {
    let sources = rust_sources();
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for source in &sources {
        let Some(folder) = rules::PURE.iter().find(|folder| source.is_in(folder)) else {
            continue;
        };
        used.insert((*folder).to_owned());
        if let Some((exempt, _)) = rules::NOT_PURE.iter().find(|(path, _)| source.is_in(path)) {
            used.insert((*exempt).to_owned());
            continue;
        }
        complaints.extend(scan::forbidden_words(source, rules::IMPURE_WORDS));
    }
    complaints.extend(stale("PURE", rules::PURE.iter().copied(), &used));
    complaints.extend(stale("NOT_PURE", rules::NOT_PURE.iter().map(|(path, _)| *path), &used));
    assert_none("impure names in pure code", &complaints);
}

#[test]
fn no_unfinished_or_unsafe_code() {
    let complaints: Vec<String> =
        rust_sources().iter().flat_map(|source| scan::forbidden_words(source, rules::FORBIDDEN_WORDS)).collect();
    assert_none("forbidden words", &complaints);
}

#[test]
fn functions_are_short() {
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for source in rust_sources().iter().filter(|source| !source.is_test()) {
        for function in scan::functions(source) {
            if function.lines <= rules::FUNCTION_LINES_MAX {
                continue;
            }
            let name = format!("{}::{}", source.path, function.name);
            if rules::LONG_FUNCTIONS.iter().any(|(listed, _)| *listed == name) {
                used.insert(name);
            } else {
                complaints.push(format!("{name} (line {}) has {} lines", function.line, function.lines));
            }
        }
    }
    complaints.extend(stale("LONG_FUNCTIONS", rules::LONG_FUNCTIONS.iter().map(|(name, _)| *name), &used));
    assert_none(&format!("functions over {} lines", rules::FUNCTION_LINES_MAX), &complaints);
}

#[test]
fn files_are_short() {
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for source in rust_sources().iter().filter(|source| source.lines > rules::FILE_LINES_MAX) {
        if rules::LONG_FILES.iter().any(|(listed, _)| *listed == source.path) {
            used.insert(source.path.clone());
        } else {
            complaints.push(format!("{} has {} lines", source.path, source.lines));
        }
    }
    complaints.extend(stale("LONG_FILES", rules::LONG_FILES.iter().map(|(path, _)| *path), &used));
    assert_none(&format!("files over {} lines", rules::FILE_LINES_MAX), &complaints);
}

#[test]
fn every_exception_has_a_reason() {
    let tables = [rules::NOT_PURE, rules::LONG_FUNCTIONS, rules::LONG_FILES];
    for (what, reason) in tables.into_iter().flatten() {
        assert!(reason.len() >= 10, "{what} is excepted without a reason");
    }
}

#[test]
fn files_are_named_after_their_subject() {
    let complaints: Vec<String> = rust_sources()
        .iter()
        .filter(|source| !source.is_test())
        .filter(|source| source.path.split('/').any(|part| rules::VAGUE_NAMES.contains(&part.trim_end_matches(".rs"))))
        .map(|source| format!("{}: say what it is about", source.path))
        .collect();
    assert_none("vague names", &complaints);
}

#[test]
fn nothing_is_left_to_do() {
    let mut paths = Vec::new();
    files(&root(), &[".rs", ".md", ".toml", ".py", ".yml", ".yaml"], &mut paths);
    let mut complaints = Vec::new();
    for path in paths.iter().filter(|path| !path.starts_with("tests/tidy/")) {
        let text = fs::read_to_string(root().join(path)).unwrap();
        complaints.extend(scan::words_in_text(path, &text, rules::UNFINISHED_WORDS));
    }
    assert_none("notes of unfinished work", &complaints);
}
