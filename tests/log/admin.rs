//! `starling admin log` and what it asks over HTTP.

use std::net::Ipv4Addr;
use std::process::{Command, Output};

use serde_json::Value;

use crate::client::Client;
use crate::harness::{Cluster, Exposition, http, program, wait_until};
use starling_ring::ConsistencyLevel;

/// Runs `starling admin` against a node.
pub fn admin(address: Ipv4Addr, arguments: &[&str]) -> Output {
    Command::new(program()).args(["admin", "--host", &address.to_string()]).args(arguments).output().unwrap()
}

/// Runs it where it has to succeed; answers what it printed.
pub fn admin_ok(address: Ipv4Addr, arguments: &[&str]) -> String {
    let output = admin(address, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it where it has to fail; answers what it complained of.
pub fn admin_refused(address: Ipv4Addr, arguments: &[&str]) -> String {
    let output = admin(address, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// The log as a node has it.
pub fn log_of(address: Ipv4Addr) -> Value {
    let (code, body) = http(address, "GET", "/v1/log", "").unwrap();
    assert_eq!(code, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The state of the node with this host id in the log: `joining`, `normal`, ...
pub fn state_of(log: &Value, host_id: &str) -> Option<String> {
    let nodes = log["nodes"].as_array()?;
    let node = nodes.iter().find(|node| node["host_id"] == host_id)?;
    Some(node["state"].as_str()?.to_owned())
}

/// Waits until all of `observers` see all of `seen` as up or as down.
pub fn wait_until_seen(observers: &[Ipv4Addr], seen: &[Ipv4Addr], up: bool) {
    for observer in observers {
        wait_until(&format!("{observer} sees {seen:?} up: {up}"), || {
            let log = log_of(*observer);
            let nodes = log["nodes"].as_array().unwrap();
            let is_so = |address: &Ipv4Addr| {
                nodes.iter().any(|node| node["address"] == address.to_string() && node["up"] == up)
            };
            seen.iter().all(is_so)
        });
    }
}

#[test]
fn the_log_is_shown_and_steered_by_post_alone() {
    let mut cluster = Cluster::of("log-admin", 2);
    let (first, second) = (cluster.nodes()[0].address, cluster.nodes()[1].address);
    let host_ids = [cluster.node(0).ready("host_id"), cluster.node(1).ready("host_id")];
    let mut client = Client::connect(second);
    let create = "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}";
    client.query(create, ConsistencyLevel::One).unwrap();

    let log = log_of(first);
    assert_eq!((&log["cluster"]["name"], &log["generation"]), (&"log-admin".into(), &1.into()));
    assert_eq!(log["position"], format!("1.{}", log["epoch"]));
    assert_eq!((log["has_majority"] == true, log["deciders"].as_array().unwrap().len()), (true, 2));
    let entries = log["entries"].as_array().unwrap();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["joining", "joined", "schema"], "{log}");
    let last = &entries[2];
    assert_eq!((&last["proposer"], &last["summary"]), (&host_ids[1].as_str().into(), &"CREATE KEYSPACE shop".into()));
    assert_eq!(last["proposer_address"], second.to_string());
    for host_id in &host_ids {
        assert_eq!(state_of(&log, host_id).as_deref(), Some("normal"));
    }
    wait_until("gossip tells how far the other is", || {
        let log = log_of(first);
        log["nodes"].as_array().unwrap().iter().all(|node| node["position"] == log["position"])
    });

    let table = admin_ok(first, &["log", "--entries", "1"]);
    for part in
        ["log-admin", "2 of 2 alive, 2 needed: membership and schema can be changed", &host_ids[1], "last 1 of 3"]
    {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(table.contains("CREATE KEYSPACE shop") && !table.contains("joined"), "{table}");
    let json: Value = serde_json::from_str(&admin_ok(first, &["log", "--format", "json"])).unwrap();
    assert_eq!(json["cluster"], log["cluster"]);

    let page = Exposition::of(first);
    assert_eq!((page.value("starling_deciders"), page.value("starling_deciders_alive")), (Some(2.0), Some(2.0)));
    assert_eq!(page.value("starling_metadata_generation"), Some(1.0));

    refusals(first, &host_ids);
}

/// What is not to be done is answered with a status and a sentence.
fn refusals(address: Ipv4Addr, host_ids: &[String; 2]) {
    let before = log_of(address)["position"].clone();
    let stranger = "00000000-0000-4000-8000-000000000000";
    let remove = |host: &str| format!("/v1/members/remove?host_id={host}");
    let readmit = |host: &str| format!("/v1/log/readmit?host_id={host}");
    let web = "Origin: http://example.org\r\n";
    let cases = [
        ("GET", "/v1/log?entries=x".to_owned(), "", 400, "entries has to be a number"),
        ("GET", "/v1/log/recover".to_owned(), "", 405, ""),
        ("PUT", remove(&host_ids[1]), "", 405, ""),
        ("GET", readmit(&host_ids[1]), "", 405, ""),
        ("POST", "/v1/log".to_owned(), "", 405, ""),
        ("POST", "/v1/log/recover".to_owned(), web, 403, "Origin"),
        ("POST", remove(&host_ids[1]), web, 403, "Origin"),
        ("POST", "/v1/log/recover".to_owned(), "", 409, "that is a majority"),
        ("POST", "/v1/log/readmit".to_owned(), "", 400, "host_id"),
        ("POST", remove("me"), "", 400, "host_id"),
        ("POST", readmit(&host_ids[1]), "", 409, "nothing has to be readmitted"),
        ("POST", readmit(stranger), "", 404, "no member"),
        ("POST", remove(stranger), "", 404, "no member"),
        ("POST", remove(&host_ids[0]), "", 409, "ask another member"),
    ];
    for (method, path, headers, code, part) in cases {
        let (answered, body) = http(address, method, &path, headers).unwrap();
        assert_eq!(answered, code, "{method} {path}: {body}");
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(part), "{method} {path}: {body}");
    }
    assert_eq!(log_of(address)["position"], before);
}

#[test]
fn a_node_without_a_cluster_has_no_log_and_can_change_none() {
    let cluster = Cluster::new("log-waiting");
    let mut node = cluster.prepare(&["--seed", "127.0.0.197"]);
    node.begin();
    let address = node.address;
    wait_until("the admin side answers", || http(address, "GET", "/livez", "").is_some());
    let (code, body) = http(address, "GET", "/v1/log", "").unwrap();
    assert!(code == 503 && body.contains("belongs to no cluster yet"), "{code} {body}");
    let refused = admin_refused(address, &["log", "recover"]);
    assert!(refused.contains("not a member of a cluster yet"), "{refused}");
    assert!(admin_refused(address, &["log"]).contains("belongs to no cluster yet"));
    assert!(node.stop().success());
}
