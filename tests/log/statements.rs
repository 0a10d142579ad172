//! What the clients of the schema test ask for, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use starling_driver::{CqlError, DriverError};

/// What became of a statement, as far as its client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It was answered.
    Made,
    /// It was refused: it must not show.
    Refused,
    /// Its client was not told.
    Unknown,
}

/// Reads it from the answer.
pub fn fate<T>(outcome: &Result<T, DriverError>) -> Fate {
    match outcome {
        Ok(_) => Fate::Made,
        Err(DriverError::Server(CqlError::WriteTimeout { .. } | CqlError::CasWriteUnknown { .. })) => Fate::Unknown,
        Err(DriverError::Server(_) | DriverError::NoHostAvailable { .. }) => Fate::Refused,
        Err(DriverError::OutcomeUnknown { .. } | DriverError::Timeout { .. }) => Fate::Unknown,
        Err(error) => panic!("{error}"),
    }
}

/// The columns of a table; `None`: there is no such table.
pub type Shape = Option<BTreeSet<String>>;

/// A table that one client alone changes.
#[derive(Clone, Debug)]
pub struct OwnTable {
    /// Its name.
    pub name: String,
    /// What it is, by what the client was told.
    pub shape: Shape,
    /// What it may be instead: the last statement's outcome is unknown. Its client leaves it alone from then on.
    pub or: Option<Shape>,
}

/// What a client remembers.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Tables of its own.
    pub own: Vec<OwnTable>,
    /// Of names that all clients want: who asked with which mark (a column's name or type), and what became of it.
    pub contended: BTreeMap<String, Vec<(String, Fate)>>,
    /// Columns with names of their own, added to the one table of all.
    pub columns: BTreeMap<String, Fate>,
    /// Tables that were there, and all clients drop.
    pub drops: BTreeMap<String, Vec<Fate>>,
    /// Statements by what became of them, and the words of it.
    pub fates: BTreeMap<(Fate, String), usize>,
}

impl Ledger {
    /// All clients' memories as one.
    pub fn merged(ledgers: Vec<Ledger>) -> Ledger {
        let mut all = Ledger::default();
        for ledger in ledgers {
            all.own.extend(ledger.own);
            all.columns.extend(ledger.columns);
            ledger.contended.into_iter().for_each(|(name, mut asked)| {
                all.contended.entry(name).or_default().append(&mut asked);
            });
            ledger
                .drops
                .into_iter()
                .for_each(|(name, mut asked)| all.drops.entry(name).or_default().append(&mut asked));
            ledger.fates.into_iter().for_each(|(fate, count)| *all.fates.entry(fate).or_default() += count);
        }
        all
    }

    /// How many statements ended so.
    pub fn count(&self, fate: Fate) -> usize {
        self.fates.iter().filter(|((of, _), _)| *of == fate).map(|(_, count)| count).sum()
    }
}

/// One statement of a client, and where its fate belongs.
#[derive(Clone, Debug)]
pub enum Statement {
    /// On a table of its own, at this place of the ledger: the shape that it would have.
    Own(usize, Shape, String),
    /// On a name that all want, with the mark by which the statement is known again.
    Contended { name: String, mark: String, cql: String },
    /// A column with a name of its own.
    Column(String),
    /// A table that all drop.
    Drop(String),
}

impl Statement {
    /// The text.
    pub fn cql(&self) -> String {
        match self {
            Statement::Own(_, _, cql) | Statement::Contended { cql, .. } => cql.clone(),
            Statement::Column(name) => format!("ALTER TABLE ddl.common ADD {name} int"),
            Statement::Drop(name) => format!("DROP TABLE ddl.{name}"),
        }
    }

    /// Writes down what became of it.
    pub fn note(self, ledger: &mut Ledger, fate: Fate) {
        match self {
            Statement::Own(at, shape, _) => {
                let table = &mut ledger.own[at];
                match fate {
                    Fate::Made => table.shape = shape,
                    Fate::Refused => {}
                    Fate::Unknown => table.or = Some(shape),
                }
            }
            Statement::Contended { name, mark, .. } => ledger.contended.entry(name).or_default().push((mark, fate)),
            Statement::Column(name) => _ = ledger.columns.insert(name, fate),
            Statement::Drop(name) => ledger.drops.entry(name).or_default().push(fate),
        }
    }
}

/// The types that clients give to a column that all of them add.
pub const TYPES: [&str; 3] = ["int", "text", "bigint"];

/// The statement with this number of a client.
pub fn next(client: usize, number: usize, ledger: &mut Ledger) -> Statement {
    match number % 10 {
        1 | 6 => add_column(client, number, ledger),
        2 => drop_table(client, number, ledger),
        3 => {
            let (name, mark) = (format!("shared_{number}"), format!("of_{client}"));
            let cql = format!("CREATE TABLE ddl.{name} (k int PRIMARY KEY, {mark} int)");
            Statement::Contended { name, mark, cql }
        }
        4 => Statement::Column(format!("c{client}_{number}")),
        5 => {
            let (name, mark) = (format!("same_{number}"), TYPES[client].to_owned());
            let cql = format!("ALTER TABLE ddl.common ADD {name} {mark}");
            Statement::Contended { name, mark, cql }
        }
        7 => Statement::Drop(victim(number)),
        9 => drop_column(client, number, ledger),
        _ => create_table(client, number, ledger),
    }
}

/// The name of the table that all drop at this number.
pub fn victim(number: usize) -> String {
    format!("victim_{}", number / 10)
}

fn create_table(client: usize, number: usize, ledger: &mut Ledger) -> Statement {
    let name = format!("own_{client}_{number}");
    let cql = format!("CREATE TABLE ddl.{name} (k int PRIMARY KEY, v text)");
    ledger.own.push(OwnTable { name, shape: None, or: None });
    Statement::Own(ledger.own.len() - 1, Some(["k", "v"].map(str::to_owned).into()), cql)
}

/// The last table of its own that is there for sure and has so many columns; another one is made if there is none.
fn last_own(ledger: &Ledger, columns_min: usize) -> Option<(usize, &OwnTable, BTreeSet<String>)> {
    ledger.own.iter().enumerate().rev().find_map(|(at, table)| {
        let columns = table.shape.clone().filter(|columns| table.or.is_none() && columns.len() >= columns_min)?;
        Some((at, table, columns))
    })
}

fn add_column(client: usize, number: usize, ledger: &mut Ledger) -> Statement {
    let Some((at, table, mut columns)) = last_own(ledger, 2) else { return create_table(client, number, ledger) };
    let column = format!("a_{number}");
    let cql = format!("ALTER TABLE ddl.{} ADD {column} text", table.name);
    columns.insert(column);
    Statement::Own(at, Some(columns), cql)
}

fn drop_column(client: usize, number: usize, ledger: &mut Ledger) -> Statement {
    let Some((at, table, mut columns)) = last_own(ledger, 3) else { return create_table(client, number, ledger) };
    let column = columns.iter().find(|name| name.starts_with("a_")).expect("a third column").clone();
    let cql = format!("ALTER TABLE ddl.{} DROP {column}", table.name);
    columns.remove(&column);
    Statement::Own(at, Some(columns), cql)
}

fn drop_table(client: usize, number: usize, ledger: &mut Ledger) -> Statement {
    let Some((at, table, _)) = last_own(ledger, 2) else { return create_table(client, number, ledger) };
    let cql = format!("DROP TABLE ddl.{}", table.name);
    Statement::Own(at, None, cql)
}
