//! A network namespace with nothing but a loopback: whoever is in it reaches nobody outside by itself.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A namespace, until it is dropped and nobody is in it any more.
pub struct Space {
    /// Holds it open, and ends when its standard input does.
    holder: Child,
    name: File,
    path: String,
}

impl Space {
    /// Makes one.
    pub fn make() -> Space {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up && echo up && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "up\n", "a network namespace");
        let path = format!("/proc/{}/ns/net", holder.id());
        Space { name: File::open(&path).unwrap(), holder, path }
    }

    /// What starts a command in it.
    pub fn launcher(&self) -> [String; 2] {
        ["nsenter".to_owned(), format!("--net={}", self.path)]
    }

    /// Runs this in it. A socket that is made there stays there, whoever uses it.
    pub fn within<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        let name = self.name.as_fd();
        std::thread::scope(|scope| {
            let entered = scope.spawn(move || {
                move_into_link_name_space(name, Some(LinkNameSpaceType::Network)).unwrap();
                body()
            });
            entered.join().unwrap()
        })
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
