//! Carries out statements and commands, and prints what they give.

use std::fs;

use starling_driver::{ConsistencyLevel, QueryOptions, QueryResult, Session};

use crate::command::{self, Command, Paging};
use crate::complaint::complaint;
use crate::help::help;
use crate::script::{Item, items};
use crate::table;

/// Rows shown at a time, as in cqlsh.
const PAGE_ROWS: u32 = 100;

/// Rows fetched at a time where all are shown at once.
const FETCH_ROWS: u32 = 5_000;

/// How many files may include each other by SOURCE.
const SOURCE_DEPTH_MAX: usize = 16;

/// Whether to go on after an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It worked.
    Done,
    /// It failed; the complaint is printed.
    Failed,
    /// EXIT.
    Exit,
}

/// The shell's state.
pub struct Shell {
    session: Session,
    host: String,
    consistency: ConsistencyLevel,
    serial_consistency: Option<ConsistencyLevel>,
    page_rows: Option<u32>,
    expand: bool,
    /// A person is watching: pages wait for Enter.
    pub at_prompt: bool,
    source_depth: usize,
}

impl Shell {
    /// A shell on an open session; `host` is what the user called the node.
    pub fn new(session: Session, host: String) -> Shell {
        Shell {
            session,
            host,
            consistency: ConsistencyLevel::One,
            serial_consistency: None,
            page_rows: Some(PAGE_ROWS),
            expand: false,
            at_prompt: false,
            source_depth: 0,
        }
    }

    /// The keyspace that USE chose.
    pub fn keyspace(&self) -> Option<String> {
        self.session.keyspace()
    }

    /// The cluster's name and the node, for the greeting.
    pub fn greeting(&self) -> String {
        let name = self.session.cluster().name().to_owned();
        format!("Connected to {name} at {}\nUse HELP for help.", self.host)
    }

    /// Runs a whole text and stops at the first failure. True if all of it worked. A last statement may lack its
    /// semicolon.
    pub async fn run_script(&mut self, text: &str) -> bool {
        let items = items(text);
        for item in items.complete.into_iter().chain(items.rest.map(Item::Statement)) {
            match self.run(item).await {
                Outcome::Done => {}
                Outcome::Failed => return false,
                Outcome::Exit => break,
            }
        }
        true
    }

    /// Runs one statement or command.
    pub async fn run(&mut self, item: Item<'_>) -> Outcome {
        match item {
            Item::Statement(statement) => self.statement(statement).await,
            Item::Command(line) => match command::parse(line) {
                Ok(command) => self.command(command).await,
                Err(reason) => {
                    eprintln!("{reason}");
                    Outcome::Failed
                }
            },
        }
    }

    async fn command(&mut self, command: Command) -> Outcome {
        match command {
            Command::Exit => return Outcome::Exit,
            Command::Help(topic) => match help(topic.as_deref()) {
                Some(text) => put!("{text}"),
                None => return failed(&format!("there is no help about {}", topic.unwrap_or_default())),
            },
            Command::Consistency(None) => say!("Current consistency level is {}.", self.consistency),
            Command::Consistency(Some(level)) => {
                self.consistency = level;
                say!("Consistency level set to {level}.");
            }
            Command::SerialConsistency(None) => {
                let level = self.serial_consistency.unwrap_or(ConsistencyLevel::Serial);
                say!("Current serial consistency level is {level}.");
            }
            Command::SerialConsistency(Some(level)) => {
                self.serial_consistency = Some(level);
                say!("Serial consistency level set to {level}.");
            }
            Command::Paging(change) => self.set_paging(change),
            Command::Expand(change) => {
                self.expand = change.unwrap_or(self.expand);
                say!("Expanded output is {}.", if self.expand { "on" } else { "off" });
            }
            Command::ShowVersion => return self.show_version().await,
            Command::ShowHost => {
                say!("Connected to {} at {}.", self.session.cluster().name(), self.host);
            }
            Command::Source(path) => return self.source(&path).await,
            Command::Clear => put!("\x1b[2J\x1b[H"),
            Command::Describe(statement) => return self.describe(&statement).await,
        }
        Outcome::Done
    }

    fn set_paging(&mut self, change: Option<Paging>) {
        match change {
            None => {}
            Some(Paging::On) => self.page_rows = self.page_rows.or(Some(PAGE_ROWS)),
            Some(Paging::Off) => self.page_rows = None,
            Some(Paging::Rows(rows)) => self.page_rows = Some(rows),
        }
        match self.page_rows {
            Some(rows) => say!("Query paging is on, {rows} rows at a time."),
            None => say!("Query paging is off."),
        }
    }

    async fn source(&mut self, path: &str) -> Outcome {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return failed(&format!("{path}: {error}")),
        };
        if self.source_depth == SOURCE_DEPTH_MAX {
            return failed(&format!("{path}: files include each other too deeply"));
        }
        self.source_depth += 1;
        let worked = Box::pin(self.run_script(&text)).await;
        self.source_depth -= 1;
        if worked { Outcome::Done } else { Outcome::Failed }
    }

    fn options(&self) -> QueryOptions {
        let mut options = QueryOptions::default().consistency(self.consistency);
        options.serial_consistency = self.serial_consistency;
        let page_rows = self.page_rows.filter(|_| self.at_prompt);
        options.page_size(page_rows.unwrap_or(FETCH_ROWS))
    }

    /// Runs a statement and prints its rows, page by page.
    async fn statement(&mut self, statement: &str) -> Outcome {
        let mut options = self.options();
        let mut shown = 0;
        loop {
            let page = match self.session.query(statement, &[], &options).await {
                Ok(page) => page,
                Err(error) => return failed(&complaint(&error, statement)),
            };
            for warning in page.warnings() {
                eprintln!("Warning: {warning}");
            }
            if page.columns().is_empty() {
                return Outcome::Done;
            }
            self.print_page(&page, shown);
            shown += page.rows().len();
            match page.paging_state() {
                Some(state) => options = options.paging_state(state.clone()),
                None => break,
            }
            if self.page_rows.is_some() && self.at_prompt && !more().await {
                break;
            }
        }
        say!("\n{}\n", table::count(shown));
        Outcome::Done
    }

    fn print_page(&self, page: &QueryResult, shown: usize) {
        let names: Vec<String> = page.columns().iter().map(|column| column.name.clone()).collect();
        if self.expand {
            put!("\n{}", table::expanded(&names, page.rows(), shown + 1));
        } else if shown == 0 || !page.rows().is_empty() {
            put!("\n{}", table::aligned(&names, page.rows()));
        }
    }

    /// Prints what DESCRIBE answers: statements as text, lists as names.
    async fn describe(&mut self, statement: &str) -> Outcome {
        let mut options = self.options().page_size(FETCH_ROWS);
        loop {
            let page = match self.session.query(statement, &[], &options).await {
                Ok(page) => page,
                Err(error) => return failed(&complaint(&error, statement)),
            };
            let creates = page.columns().iter().any(|column| column.name == "create_statement");
            if creates {
                for row in page.rows() {
                    say!("\n{}", row.get::<String>("create_statement").unwrap_or_default());
                }
                say!();
            } else {
                self.print_page(&page, 0);
                say!();
            }
            match page.paging_state() {
                Some(state) => options = options.paging_state(state.clone()),
                None => return Outcome::Done,
            }
        }
    }

    async fn show_version(&mut self) -> Outcome {
        let statement = "SELECT release_version, cql_version, native_protocol_version FROM system.local";
        let result = match self.session.query(statement, &[], &self.options()).await {
            Ok(result) => result,
            Err(error) => return failed(&complaint(&error, statement)),
        };
        let own = env!("CARGO_PKG_VERSION");
        if let Some(row) = result.rows().first() {
            let text = |name: &str| row.get::<String>(name).unwrap_or_default();
            let (release, cql, protocol) =
                (text("release_version"), text("cql_version"), text("native_protocol_version"));
            say!("[shell {own} | Starling {release} | CQL spec {cql} | Native protocol v{protocol}]");
        }
        Outcome::Done
    }
}

fn failed(reason: &str) -> Outcome {
    eprintln!("{reason}");
    Outcome::Failed
}

/// Waits for Enter before the next page; false at anything else.
async fn more() -> bool {
    let asked = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        put!("---MORE---");
        let _ = std::io::Write::flush(&mut std::io::stdout());
        matches!(std::io::stdin().read_line(&mut line), Ok(length) if length > 0 && line.trim().is_empty())
    });
    asked.await.unwrap_or(false)
}
