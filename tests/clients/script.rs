//! The script that every client carries out, and what each has to report of it.

use std::path::PathBuf;

use serde_json::{Map, Value};

/// Where the script lies.
pub fn path() -> PathBuf {
    folder().join("script.json")
}

/// This folder.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// `script.json`.
pub struct Script(Value);

impl Script {
    /// Reads it.
    pub fn read() -> Script {
        let text = std::fs::read_to_string(path()).unwrap();
        Script(serde_json::from_str(&text).unwrap())
    }

    fn table(&self, of: &Value) -> Map<String, Value> {
        of.as_object().unwrap().clone()
    }

    /// How many requests the steps `routed` make whose id begins with `only`.
    pub fn routed_requests(&self, client: &str, only: &str) -> usize {
        let skipped = self.table(&self.0["skipped"][client]);
        let steps = self.0["steps"].as_array().unwrap().iter();
        let routed = steps.filter(|step| step["do"] == "routed" && step["id"].as_str().unwrap().starts_with(only));
        let done = routed.filter(|step| !is_listed(&skipped, step["id"].as_str().unwrap()));
        done.map(|step| step["bind"].as_array().unwrap().len()).sum()
    }

    /// What `client` has to report, line by line, of the steps whose id begins with `only`.
    pub fn expected(&self, client: &str, only: &str) -> Vec<String> {
        let refused = self.table(&self.0["refused"]);
        let skipped = self.table(&self.0["skipped"][client]);
        let mut lines = Vec::new();
        for step in self.0["steps"].as_array().unwrap() {
            let id = step["id"].as_str().unwrap();
            if !id.starts_with(only) {
                continue;
            }
            match step["cases"].as_array() {
                _ if is_listed(&skipped, id) => lines.push(format!("skipped {id}")),
                _ if is_listed(&refused, id) => lines.push(format!("refused {id}")),
                None => lines.push(format!("ok {id}")),
                Some(cases) => lines.extend((0..cases.len()).map(|number| format!("ok {id}/{number}"))),
            }
        }
        lines
    }
}

/// Whether the step, or one that it belongs to, stands in the table.
fn is_listed(table: &Map<String, Value>, id: &str) -> bool {
    table.keys().any(|name| id.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[test]
fn every_exception_of_the_script_is_about_steps_that_are_there_and_says_why() {
    let script = Script::read();
    let steps = script.0["steps"].as_array().unwrap();
    let ids: Vec<&str> = steps.iter().map(|step| step["id"].as_str().unwrap()).collect();
    let clients = script.0["skipped"].as_object().unwrap().values();
    for table in clients.chain([&script.0["refused"]]).map(|table| table.as_object().unwrap()) {
        for (name, why) in table {
            let one = Map::from_iter([(name.clone(), Value::Null)]);
            assert!(ids.iter().any(|id| is_listed(&one, id)), "no step `{name}`");
            assert!(!why.as_str().unwrap().is_empty(), "`{name}` has no reason");
        }
    }
}

#[test]
fn ids_of_steps_are_unique() {
    let mut lines = Script::read().expected("cassandra-driver", "");
    let count = lines.len();
    assert!(count > 250, "only {count} lines");
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), count);
}
