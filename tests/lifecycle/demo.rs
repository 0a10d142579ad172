//! `starling demo`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::harness::{Cluster, program, wait_until};

/// A demo with addresses, a folder for temporary files and a certificate authority of its own.
struct Demo {
    child: Child,
    stdout: PathBuf,
}

impl Demo {
    fn start(cluster: &Cluster, temporary: &Path, arguments: &[&str]) -> Demo {
        let stdout = cluster.folder().join("demo.out");
        let first = cluster.prepare(&[]).address;
        let child = Command::new(program())
            .args(["demo", "--nodes", "2", "--listen", &first.to_string()])
            .args(arguments)
            .env("TMPDIR", temporary)
            .env("STARLING_DEV_CA", cluster.folder().join("dev-ca"))
            .stdin(Stdio::null())
            .stdout(fs::File::create(&stdout).unwrap())
            .spawn()
            .unwrap();
        Demo { child, stdout }
    }

    fn wait_until_ready(&mut self) {
        wait_until("both nodes are ready", || {
            assert!(self.child.try_wait().unwrap().is_none(), "the demo has ended");
            fs::read_to_string(&self.stdout).unwrap().matches("ready host_id=").count() == 2
        });
    }

    fn terminate(&mut self) -> ExitStatus {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let mut ended = None;
        wait_until("the demo has ended", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shell(cluster: &Cluster, statements: &str) -> (Option<i32>, String) {
    let first = cluster.prepare(&[]).address.to_string();
    let output = Command::new(program()).args(["shell", &first, "-e", statements]).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn without_a_folder_nothing_is_left_behind() {
    let cluster = Cluster::new("demo");
    let temporary = cluster.folder().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut demo = Demo::start(&cluster, &temporary, &[]);
    demo.wait_until_ready();
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 1);
    let (code, printed) = shell(&cluster, "SELECT cluster_name FROM system.local");
    assert_eq!(code, Some(0));
    assert!(printed.contains("Starling demo"), "{printed}");
    assert!(demo.terminate().success());
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert_eq!(shell(&cluster, "SELECT cluster_name FROM system.local").0, Some(2), "nobody is there");

    // A signal in the middle of the start leaves nothing behind either.
    let mut demo = Demo::start(&cluster, &temporary, &[]);
    wait_until("it has begun", || fs::read_dir(&temporary).unwrap().count() == 1);
    assert!(demo.terminate().success());
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn with_a_folder_the_data_is_kept() {
    let cluster = Cluster::new("demo-kept");
    let kept = cluster.folder().join("kept");
    let arguments = ["--data-dir", kept.to_str().unwrap()];
    let mut demo = Demo::start(&cluster, cluster.folder(), &arguments);
    demo.wait_until_ready();
    let (code, _) = shell(
        &cluster,
        "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}; \
         CREATE TABLE k.t (a int PRIMARY KEY, b text); INSERT INTO k.t (a, b) VALUES (1, 'kept')",
    );
    assert_eq!(code, Some(0));
    assert_eq!(shell(&cluster, "SELECT nonsense FROM k.t").0, Some(1), "a statement that fails");
    assert!(demo.terminate().success());
    let mut demo = Demo::start(&cluster, cluster.folder(), &arguments);
    demo.wait_until_ready();
    let (code, printed) = shell(&cluster, "SELECT b FROM k.t WHERE a = 1");
    assert_eq!(code, Some(0));
    assert!(printed.contains("kept"), "{printed}");
    assert!(demo.terminate().success());
}
