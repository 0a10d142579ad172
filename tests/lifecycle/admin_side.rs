//! Health, readiness, metrics and status over HTTP, and `starling admin`.

use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Output};

use serde_json::Value;

pub use crate::harness::http_get as get;
use crate::harness::{Cluster, Exposition, Node, program, wait_until};

/// Runs `starling admin` against a node.
pub fn admin(address: Ipv4Addr, arguments: &[&str]) -> Output {
    Command::new(program()).args(["admin", "--host", &address.to_string()]).args(arguments).output().unwrap()
}

/// What `starling admin status --format json` says at a node.
pub fn status(node: &Node) -> Value {
    let output = admin(node.address, &["status", "--format", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The state of the member at `address` as `node` sees it: `UN`, `DN`.
pub fn state_of(node: &Node, address: Ipv4Addr) -> Option<String> {
    let status = status(node);
    let members = status["nodes"].as_array()?;
    let member = members.iter().find(|m| m["address"] == address.to_string())?;
    Some(member["state"].as_str()?.to_owned())
}

#[test]
fn a_node_that_is_not_ready_says_so_and_stops_in_order() {
    let cluster = Cluster::new("not-ready");
    // Its seed is an address where nobody is: it waits for it, and founds nothing.
    let mut node = cluster.prepare(&["--seed", "127.0.0.199"]);
    node.begin();
    let address = node.address;
    wait_until("the admin side answers", || get(address, "/livez").is_some());
    assert_eq!(get(address, "/livez"), Some((200, "ok\n".into())));
    let (code, body) = get(address, "/readyz").unwrap();
    assert_eq!(code, 503);
    assert!(body.starts_with("not ready: "), "{body}");
    assert_eq!(get(address, "/v1/status").unwrap().0, 200);
    assert_eq!(get(address, "/metrics").unwrap().0, 200);
    assert!(TcpStream::connect((address, 9042)).is_err(), "open for clients before it is ready");
    let ended = node.stop();
    assert!(ended.success(), "{ended}");
}

#[test]
fn a_ready_node_answers_on_the_admin_side() {
    let mut cluster = Cluster::of("admin-side", 1);
    let address = cluster.node(0).address;
    assert_eq!(get(address, "/livez"), Some((200, "ok\n".into())));
    assert_eq!(get(address, "/readyz"), Some((200, "ok\n".into())));
    assert_eq!(get(address, "/nowhere").unwrap().0, 404);

    let page = Exposition::of(address);
    assert_eq!((page.value("starling_ready"), page.value("starling_members")), (Some(1.0), Some(1.0)));

    let status = status(&cluster.nodes()[0]);
    assert_eq!(status["cluster"]["name"], "admin-side");
    assert_eq!(status["nodes"][0]["host_id"], cluster.node(0).ready("host_id"));
    assert_eq!(status["nodes"][0]["tokens"], 16);
    assert_eq!(status["nodes"][0]["share"], 1.0);
    let table = admin(address, &["status"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("Datacenter: datacenter1") && table.contains(&format!("UN  {address}")), "{table}");

    cluster.node(0).kill();
    let refused = admin(address, &["status"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no node answers"), "{refused:?}");
}
