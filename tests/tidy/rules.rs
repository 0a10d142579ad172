//! The rules: what may depend on what, what is pure, and every exception with its reason.

use crate::layers::Layer;

/// A function longer than this wants a reason.
pub const FUNCTION_LINES_MAX: usize = 70;

/// A file longer than this wants a reason; around 200 lines read well.
pub const FILE_LINES_MAX: usize = 600;

/// Crates that bring a clock, randomness, threads, sockets or files; pure packages do not depend on them.
const IMPURE_CRATES: &[&str] =
    &["tokio", "quinn", "axum", "rand", "getrandom", "parking_lot", "tempfile", "tracing-subscriber", "rustls"];

/// Who may depend on whom, among this workspace's packages.
pub const LAYERS: &[Layer] = &[
    Layer { package: "starling-ring", may_use: &[], never: IMPURE_CRATES },
    Layer { package: "starling-cql-lite", may_use: &["starling-ring"], never: IMPURE_CRATES },
    Layer {
        package: "starling-storage",
        may_use: &["starling-planted", "starling-ring"],
        never: &["tokio", "quinn", "axum", "rand"],
    },
    Layer {
        package: "starling-repair",
        may_use: &["starling-planted", "starling-ring", "starling-storage"],
        never: IMPURE_CRATES,
    },
    Layer {
        package: "starling-node",
        may_use: &["starling-planted", "starling-ring", "starling-cql-lite", "starling-storage", "starling-repair"],
        never: &[],
    },
    Layer { package: "starling-driver", may_use: &["starling-ring", "starling-cql-lite"], never: &[] },
    Layer {
        package: "starling-shell",
        may_use: &["starling-ring", "starling-cql-lite", "starling-driver"],
        never: &[],
    },
    Layer {
        package: "starling-bench",
        may_use: &["starling-ring", "starling-cql-lite", "starling-storage", "starling-node"],
        never: &[],
    },
    Layer {
        package: "starling-simulation",
        may_use: &[
            "starling-planted",
            "starling-ring",
            "starling-cql-lite",
            "starling-storage",
            "starling-repair",
            "starling-node",
        ],
        never: &["tokio"],
    },
    Layer {
        package: "starling-fuzz",
        may_use: &["starling-ring", "starling-cql-lite", "starling-storage", "starling-node"],
        never: &["rocksdb"],
    },
    Layer { package: "starling-planted", may_use: &[], never: IMPURE_CRATES },
    Layer { package: "starling-client-tests", may_use: &[], never: &[] },
    Layer {
        package: "starling",
        may_use: &[
            "starling-ring",
            "starling-cql-lite",
            "starling-storage",
            "starling-node",
            "starling-driver",
            "starling-shell",
            "starling-bench",
        ],
        never: &[],
    },
];

/// Folders and files of pure code: time and randomness come in as arguments, actions go out as values.
pub const PURE: &[&str] = &[
    "ring/src",
    "cql-lite/src",
    "storage/src",
    "repair/src",
    "node/src/schema",
    "node/src/plan",
    "node/src/system",
    "node/src/time",
    "node/src/coordinate",
    "node/src/cluster",
    "node/src/message",
    "node/src/paxos",
    "tests/simulation/src/wide",
];

/// What lies in a pure folder without being pure.
pub const NOT_PURE: &[(&str, &str)] = &[
    ("storage/src/threads.rs", "drives the committers: a thread for each shard, and the clock of periodic syncs"),
    ("storage/src/engine/rocks.rs", "the engine that keeps files, behind a feature"),
    ("storage/src/engine/records", "looks at that engine's files before it opens them, behind the same feature"),
];

/// Names that only impure code has a use for.
pub const IMPURE_WORDS: &[(&str, &str)] = &[
    ("std::time::Instant", "time comes in as an argument"),
    ("Instant::now", "time comes in as an argument"),
    ("SystemTime", "time comes in as an argument"),
    ("UNIX_EPOCH", "time comes in as an argument"),
    ("thread", "threads belong to the drivers"),
    ("thread_local", "threads belong to the drivers"),
    ("tokio", "the runtime belongs to the drivers"),
    ("quinn", "links belong to the drivers"),
    ("TcpStream", "sockets belong to the drivers"),
    ("TcpListener", "sockets belong to the drivers"),
    ("UdpSocket", "sockets belong to the drivers"),
    ("std::fs", "files belong to the drivers"),
    ("fs::", "files belong to the drivers"),
    ("File", "files belong to the drivers"),
    ("std::env", "settings come in as arguments"),
    ("std::process", "processes belong to the drivers"),
    ("rand::", "random numbers come in as arguments"),
    ("getrandom", "random numbers come in as arguments"),
    ("new_v4", "random numbers come in as arguments"),
    ("now_v1", "random numbers come in as arguments"),
    ("now_v7", "random numbers come in as arguments"),
    ("RandomState", "order must not depend on a random hash"),
];

/// Names that no code here has a use for.
pub const FORBIDDEN_WORDS: &[(&str, &str)] = &[
    ("todo!", "finish it or leave it out"),
    ("unimplemented!", "finish it or leave it out"),
    ("dbg!", "left over from debugging"),
    ("unsafe", "the workspace forbids it"),
];

/// Words of unfinished work, in sources and documents alike.
pub const UNFINISHED_WORDS: &[&str] = &["TODO", "FIXME", "XXX"];

/// Names that say nothing about what is inside.
pub const VAGUE_NAMES: &[&str] = &["util", "utils", "common", "helpers", "helper", "misc", "stuff"];

/// Functions that are long for a reason.
pub const LONG_FUNCTIONS: &[(&str, &str)] = &[];

/// Files that are long for a reason.
pub const LONG_FILES: &[(&str, &str)] = &[];
