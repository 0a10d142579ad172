//! Schema changes among the reads and writes of registers: side tables come and go, and so do columns, theirs and of the
//! data tables. What a client was told must be what all nodes have in the end.

use std::collections::BTreeMap;

use starling_cql_lite::protocol::error::CqlError;
use starling_node::assembly::client::ClientResponse;
use starling_node::schema::Schema;

use crate::oracle::Outcome;
use crate::random::Random;

/// Something that is made once and dropped at most once: no name is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// A side table.
    Table(u32),
    /// A column of a side table, or (0) of a data table.
    Column { table: u32, number: u32 },
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Make,
    Drop,
}

/// More of them are not kept: then something is dropped.
const KEPT_MAX: usize = 10;
const KEYSPACE: &str = "sim";
const DATA_TABLES: [&str; 3] = ["registers", "wide_a", "wide_d"];

#[derive(Clone, Copy, Debug)]
struct Fate {
    made: Outcome,
    dropped: Option<Outcome>,
}

/// All that clients have asked for.
#[derive(Debug, Default)]
pub struct SideElements {
    fates: BTreeMap<Element, Fate>,
    next: u32,
}

fn table_name(table: u32) -> String {
    format!("side{table}")
}

/// The table of a column: a side table, or one of the data tables.
fn table_of_column(table: u32, number: u32) -> String {
    if table == 0 { DATA_TABLES[number as usize % DATA_TABLES.len()].into() } else { table_name(table) }
}

impl SideElements {
    /// Draws a change and notes that it is asked for.
    pub fn draw(&mut self, random: &mut Random) -> (Element, Step, String) {
        let kept: Vec<Element> = self.fates.iter().filter(|(_, fate)| fate.is_kept()).map(|(e, _)| *e).collect();
        if kept.len() > KEPT_MAX || (!kept.is_empty() && random.one_in(3)) {
            let element = kept[random.below(kept.len() as u64) as usize];
            if let Some(fate) = self.fates.get_mut(&element) {
                fate.dropped = Some(Outcome::Unknown);
            }
            return (element, Step::Drop, statement(element, Step::Drop));
        }
        self.next += 1;
        let tables: Vec<u32> =
            kept.iter().filter_map(|e| if let Element::Table(t) = e { Some(*t) } else { None }).collect();
        let element = match random.below(3) {
            0 => Element::Table(self.next),
            1 if !tables.is_empty() => {
                let table = tables[random.below(tables.len() as u64) as usize];
                Element::Column { table, number: self.next }
            }
            _ => Element::Column { table: 0, number: self.next },
        };
        self.fates.insert(element, Fate { made: Outcome::Unknown, dropped: None });
        (element, Step::Make, statement(element, Step::Make))
    }

    /// The client was answered.
    pub fn answered(&mut self, element: Element, step: Step, outcome: Outcome) {
        let Some(fate) = self.fates.get_mut(&element) else { return };
        match step {
            Step::Make => fate.made = outcome,
            Step::Drop => fate.dropped = Some(outcome),
        }
    }

    /// What of it is not so in a schema.
    pub fn problem(&self, schema: &Schema) -> Option<String> {
        self.fates.iter().find_map(|(element, fate)| {
            let is_there = is_in(*element, schema)?;
            let is_wrong = match (fate.made, fate.dropped) {
                (Outcome::Refused, _) | (_, Some(Outcome::Acknowledged)) => is_there,
                (Outcome::Acknowledged, None | Some(Outcome::Refused)) => !is_there,
                _ => false,
            };
            let is_there = if is_there { "there" } else { "not there" };
            is_wrong.then(|| format!("{element:?} is {is_there}, and its clients were told {fate:?}"))
        })
    }
}

impl Fate {
    /// Made for certain, and nobody has tried to drop it.
    fn is_kept(&self) -> bool {
        self.made == Outcome::Acknowledged && self.dropped.is_none()
    }
}

/// Whether it is in a schema; `None` where that says nothing, because its table is gone.
fn is_in(element: Element, schema: &Schema) -> Option<bool> {
    let keyspace = schema.keyspaces.get(KEYSPACE)?;
    match element {
        Element::Table(table) => Some(keyspace.tables.contains_key(&table_name(table))),
        Element::Column { table, number } => {
            let table = keyspace.tables.get(&table_of_column(table, number))?;
            Some(table.columns.iter().any(|column| column.name == format!("x{number}")))
        }
    }
}

fn statement(element: Element, step: Step) -> String {
    match (element, step) {
        (Element::Table(table), Step::Make) => {
            format!("CREATE TABLE {KEYSPACE}.{} (k int PRIMARY KEY, v bigint)", table_name(table))
        }
        (Element::Table(table), Step::Drop) => format!("DROP TABLE {KEYSPACE}.{}", table_name(table)),
        (Element::Column { table, number }, Step::Make) => {
            format!("ALTER TABLE {KEYSPACE}.{} ADD x{number} text", table_of_column(table, number))
        }
        (Element::Column { table, number }, Step::Drop) => {
            format!("ALTER TABLE {KEYSPACE}.{} DROP x{number}", table_of_column(table, number))
        }
    }
}

/// What an answer says of a schema change.
pub fn outcome(response: &ClientResponse) -> Outcome {
    match response {
        // As of a lightweight transaction.
        ClientResponse::Error(
            CqlError::WriteTimeout { .. } | CqlError::CasWriteUnknown { .. } | CqlError::Truncate(_),
        ) => Outcome::Unknown,
        ClientResponse::Error(CqlError::Server(message)) if !message.contains("nothing was changed") => {
            Outcome::Unknown
        }
        ClientResponse::Error(_) => Outcome::Refused,
        _ => Outcome::Acknowledged,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use starling_cql_lite::parser::parse_statement;
    use starling_node::schema::{ChangeContext, apply};
    use uuid::Uuid;

    use super::*;

    fn schema(statements: &[&str]) -> Schema {
        let datacenters = BTreeMap::from([("datacenter1".to_owned(), 3)]);
        statements.iter().fold(Schema::default(), |schema, text| {
            let context = ChangeContext { new_uuid: Uuid::from_u128(1), datacenters: &datacenters };
            apply(&schema, None, &parse_statement(text).unwrap().statement, &context).unwrap().schema
        })
    }

    fn told(step: Step, outcome: Outcome) -> SideElements {
        let mut elements = SideElements::default();
        let (element, fate) = (Element::Table(1), Fate { made: Outcome::Acknowledged, dropped: None });
        elements.fates.insert(element, fate);
        elements.answered(element, step, outcome);
        elements
    }

    #[test]
    fn answers_that_do_not_fit_are_seen() {
        let without = schema(&[
            "CREATE KEYSPACE sim WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}",
            "CREATE TABLE sim.registers (k int PRIMARY KEY, v bigint)",
        ]);
        let mut with = without.clone();
        let table = without.keyspaces["sim"].tables["registers"].clone();
        Arc::make_mut(with.keyspaces.get_mut("sim").unwrap()).tables.insert("side1".into(), table);
        assert!(told(Step::Make, Outcome::Acknowledged).problem(&without).is_some());
        assert!(told(Step::Make, Outcome::Refused).problem(&with).is_some());
        assert!(told(Step::Drop, Outcome::Acknowledged).problem(&with).is_some());
        assert!(told(Step::Drop, Outcome::Refused).problem(&without).is_some());
        for either in [told(Step::Make, Outcome::Unknown), told(Step::Drop, Outcome::Unknown)] {
            assert_eq!((either.problem(&with), either.problem(&without)), (None, None));
        }
    }
}
