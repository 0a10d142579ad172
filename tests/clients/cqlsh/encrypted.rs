//! cqlsh over TLS, with certificates on both sides.

use std::fs;
use std::process::Command;

use crate::encrypted::EncryptedCluster;
use crate::process;
use crate::run::installed;

#[test]
fn cqlsh_connects_over_tls() {
    let name = "cqlsh-tls";
    let Some(program) = installed(name, "TEST_CLIENTS_CQLSH") else {
        return;
    };
    let encrypted = EncryptedCluster::start(name);
    let folder = encrypted.cluster.folder();
    let cqlshrc = folder.join("cqlshrc");
    let settings = format!(
        "[ssl]\ncertfile = {}\nvalidate = true\nusercert = {}\nuserkey = {}\n",
        encrypted.authority.display(),
        encrypted.certificate.display(),
        encrypted.private_key.display()
    );
    fs::write(&cqlshrc, settings).unwrap();
    let cqlsh = |more: &[&str]| {
        let mut command = Command::new(&program);
        command.arg(&encrypted.cluster.contact_points()[0]).arg("--cqlshrc").arg(&cqlshrc).args(more);
        command.args(["--no-color", "-e", "SELECT key FROM system.local"]).env("HOME", folder);
        process::run(command, folder, name)
    };
    let ended = cqlsh(&["--ssl"]);
    assert!(ended.success && ended.stdout.contains(" local\n"), "{}", ended.stderr);
    let ended = cqlsh(&[]);
    assert!(!ended.success, "without TLS it must not connect: {}", ended.stdout);
}
