//! Draws statements that write, and says what they do.

use std::collections::BTreeMap;

use super::blob;
use super::effect::{Effect, Expiry};
use super::model::Target;
use super::place::{Extent, Place};
use super::table::{Column, Key, Table};
use crate::random::Random;

const PATHS: u64 = 5;
const TTL_S_MAX: u64 = 12;

/// A statement, or a batch of them.
pub struct Draft {
    pub text: String,
    /// For the whole of it, as the protocol carries it.
    pub timestamp: Option<i64>,
    pub effects: Vec<(Target, Effect)>,
}

/// Whom and when statements are drawn for.
pub struct Drawer<'a> {
    pub table: Table,
    pub partition: i32,
    pub extent: Extent,
    pub random: &'a mut Random,
    pub timestamp: i64,
    pub write: u32,
    /// The next value, so that most values show where they are from.
    pub next_value: &'a mut i64,
    /// Blobs of some 10,000 bytes, so that answers end for their size.
    pub is_heavy: bool,
    /// No batches: one write may meet itself in them.
    pub is_plain: bool,
}

/// A change of one column.
enum Change {
    Set(Option<i64>),
    /// A number, and how many bytes are to be made from it.
    Blob(i64, usize),
    /// All of a collection; `None` is null.
    Whole(Option<BTreeMap<i32, i64>>),
    Add(BTreeMap<i32, i64>),
    Remove(Vec<i32>),
    Element(i32, Option<i64>),
}

fn literal(column: Column, elements: &BTreeMap<i32, i64>) -> String {
    let one = |(key, value): (&i32, &i64)| match column {
        Column::M => format!("{key}: {value}"),
        _ => key.to_string(),
    };
    format!("{{{}}}", elements.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn null_or(text: Option<String>) -> String {
    text.unwrap_or_else(|| "null".to_owned())
}

impl Change {
    /// What is written behind SET.
    fn assignment(&self, column: Column) -> String {
        let name = column.name();
        match self {
            Change::Set(value) => format!("{name} = {}", null_or(value.map(|v| v.to_string()))),
            Change::Blob(number, bytes) => format!("{name} = {}", blob::literal(*number, *bytes)),
            Change::Whole(elements) => {
                format!("{name} = {}", null_or(elements.as_ref().map(|elements| literal(column, elements))))
            }
            Change::Add(elements) => format!("{name} = {name} + {}", literal(column, elements)),
            Change::Remove(paths) => {
                let paths = paths.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
                format!("{name} = {name} - {{{paths}}}")
            }
            Change::Element(path, value) => format!("{name}[{path}] = {}", null_or(value.map(|v| v.to_string()))),
        }
    }

    fn effects(&self, column: Column, timestamp: i64, expiry: Option<Expiry>) -> Vec<Effect> {
        let cell = |path: i32, value: Option<i64>| {
            let expiry = expiry.filter(|_| value.is_some());
            Effect::Cell { column, path, timestamp, value, expiry }
        };
        let cells = |elements: &BTreeMap<i32, i64>| elements.iter().map(|(p, v)| cell(*p, Some(*v))).collect();
        match self {
            Change::Set(value) => vec![cell(0, *value)],
            Change::Blob(number, _) => vec![cell(0, Some(*number))],
            Change::Whole(elements) => {
                // What an assignment overwrites is what was written before it.
                let mut effects = vec![Effect::Clear { column, timestamp: timestamp - 1 }];
                effects.extend(elements.as_ref().map(cells).unwrap_or_else(Vec::new));
                effects
            }
            Change::Add(elements) => cells(elements),
            Change::Remove(paths) => paths.iter().map(|path| cell(*path, None)).collect(),
            Change::Element(path, value) => vec![cell(*path, *value)],
        }
    }
}

impl Drawer<'_> {
    /// One statement or a batch; `is_stamped`: the protocol carries the timestamp.
    pub fn draw(&mut self, is_stamped: bool) -> Draft {
        let using = !is_stamped;
        let timestamp = is_stamped.then_some(self.timestamp);
        if self.is_plain || !self.random.one_in(6) {
            let (text, effects) = self.statement(using);
            return Draft { text, timestamp, effects };
        }
        let (mut text, mut effects) = ("BEGIN UNLOGGED BATCH ".to_owned(), Vec::new());
        let fills = self.extent.is_large() && !self.is_heavy;
        for _ in 0..self.random.between(2, if fills { 40 } else { 4 }) {
            let (statement, more) = if fills { self.insert(using) } else { self.statement(using) };
            text.push_str(&statement);
            text.push_str("; ");
            effects.extend(more);
        }
        text.push_str("APPLY BATCH");
        Draft { text, timestamp, effects }
    }

    /// The deletion of everything.
    pub fn delete_all(&mut self) -> Draft {
        let text = format!("DELETE FROM {} WHERE p = {}", self.table.name(), self.partition);
        let effects = vec![(Target::Partition, Effect::Delete { timestamp: self.timestamp })];
        Draft { text, timestamp: Some(self.timestamp), effects }
    }

    fn statement(&mut self, using: bool) -> (String, Vec<(Target, Effect)>) {
        match self.random.below(16) {
            0..=4 => self.insert(using),
            5..=9 => self.update(using),
            10 => self.write_static(using),
            11 | 12 => self.delete_columns(using),
            13 | 14 => {
                let place = self.extent.place(self.random);
                self.delete_rows(using, place)
            }
            _ if self.random.one_in(3) => self.delete_rows(using, Place::All),
            _ => {
                let place = Place::Row(self.extent.row(self.random));
                self.delete_rows(using, place)
            }
        }
    }

    fn expiry(&mut self) -> Option<Expiry> {
        if !self.random.one_in(4) {
            return None;
        }
        let ttl_s = self.random.between(1, TTL_S_MAX) as i64;
        // When it is bound is known once it is answered.
        Some(Expiry { earliest_s: 0, latest_s: 0, ttl_s, write: self.write })
    }

    fn using(&self, using: bool, expiry: Option<Expiry>) -> String {
        match (using, expiry) {
            (false, None) => String::new(),
            (false, Some(e)) => format!(" USING TTL {}", e.ttl_s),
            (true, None) => format!(" USING TIMESTAMP {}", self.timestamp),
            (true, Some(e)) => format!(" USING TIMESTAMP {} AND TTL {}", self.timestamp, e.ttl_s),
        }
    }

    fn value(&mut self) -> i64 {
        *self.next_value += 1;
        *self.next_value
    }

    fn path(&mut self) -> i32 {
        self.random.below(PATHS) as i32
    }

    fn elements(&mut self, column: Column) -> BTreeMap<i32, i64> {
        let count = self.random.between(1, 3);
        (0..count).map(|_| (self.path(), if column == Column::M { self.value() } else { 0 })).collect()
    }

    /// A new value for all of a column.
    fn whole(&mut self, column: Column) -> Change {
        let is_null = self.random.one_in(6);
        match column {
            Column::B if !is_null => {
                let bytes = if self.is_heavy { self.random.between(1_000, 80_000) } else { self.random.below(20) };
                Change::Blob(self.value(), bytes as usize)
            }
            Column::V | Column::S | Column::B | Column::Written => Change::Set((!is_null).then(|| self.value())),
            Column::M | Column::T => Change::Whole((!is_null).then(|| self.elements(column))),
        }
    }

    fn change(&mut self, column: Column) -> Change {
        match (column, self.random.below(4)) {
            (Column::V | Column::S | Column::B, _) | (_, 0) => self.whole(column),
            (_, 1) => Change::Add(self.elements(column)),
            (Column::M, 2) => {
                let value = (!self.random.one_in(4)).then(|| self.value());
                Change::Element(self.path(), value)
            }
            _ => Change::Remove(self.elements(Column::T).into_keys().collect()),
        }
    }

    fn columns(&mut self, among: &[Column]) -> Vec<Column> {
        let some: Vec<Column> = among.iter().copied().filter(|_| self.random.one_in(2)).collect();
        if some.is_empty() { vec![among[self.random.below(among.len() as u64) as usize]] } else { some }
    }

    /// Columns of a row, now and then with the static one.
    fn columns_of_row(&mut self) -> Vec<Column> {
        let mut columns = self.columns(&[Column::V, Column::B, Column::M, Column::T]);
        if self.random.one_in(6) {
            columns.push(Column::S);
        }
        columns
    }

    fn effects(&self, row: Option<Key>, changes: &[(Column, Change)], expiry: Option<Expiry>) -> Vec<(Target, Effect)> {
        let mut all = Vec::new();
        for (column, change) in changes {
            let target = match row {
                Some(key) if *column != Column::S => Target::Rows(Place::Row(key)),
                _ => Target::Static,
            };
            let effects = change.effects(*column, self.timestamp, expiry);
            all.extend(effects.into_iter().map(|effect| (target.clone(), effect)));
        }
        all
    }

    fn insert(&mut self, using: bool) -> (String, Vec<(Target, Effect)>) {
        let row = self.extent.row(self.random);
        let columns = if self.random.one_in(8) { Vec::new() } else { self.columns_of_row() };
        let changes: Vec<_> = columns.into_iter().map(|column| (column, self.whole(column))).collect();
        let expiry = self.expiry();
        let (mut names, mut values) = (String::new(), String::new());
        for (column, change) in &changes {
            names.push_str(", ");
            names.push_str(column.name());
            values.push_str(", ");
            let assignment = change.assignment(*column);
            values.push_str(assignment.split_once(" = ").map_or("", |(_, value)| value));
        }
        let (table, p) = (self.table.name(), self.partition);
        let using = self.using(using, expiry);
        let text = format!("INSERT INTO {table} (p, c, d{names}) VALUES ({p}, {}, {}{values}){using}", row.0, row.1);
        let mut effects = self.effects(Some(row), &changes, expiry);
        let marker = Effect::Marker { timestamp: self.timestamp, expiry };
        effects.push((Target::Rows(Place::Row(row)), marker));
        (text, effects)
    }

    fn update(&mut self, using: bool) -> (String, Vec<(Target, Effect)>) {
        let row = self.extent.row(self.random);
        let columns = self.columns_of_row();
        let changes: Vec<_> = columns.into_iter().map(|column| (column, self.change(column))).collect();
        let expiry = self.expiry();
        let sets: Vec<String> = changes.iter().map(|(column, change)| change.assignment(*column)).collect();
        let (table, p, sets) = (self.table.name(), self.partition, sets.join(", "));
        let using = self.using(using, expiry);
        let text = format!("UPDATE {table}{using} SET {sets} WHERE p = {p} AND c = {} AND d = {}", row.0, row.1);
        (text, self.effects(Some(row), &changes, expiry))
    }

    fn write_static(&mut self, using: bool) -> (String, Vec<(Target, Effect)>) {
        let changes = [(Column::S, self.whole(Column::S))];
        let expiry = self.expiry();
        let set = changes[0].1.assignment(Column::S);
        let (table, p, using) = (self.table.name(), self.partition, self.using(using, expiry));
        let text = if self.random.one_in(2) {
            format!("UPDATE {table}{using} SET {set} WHERE p = {p}")
        } else {
            let value = set.split_once(" = ").map_or("", |(_, value)| value);
            format!("INSERT INTO {table} (p, s) VALUES ({p}, {value}){using}")
        };
        (text, self.effects(None, &changes, expiry))
    }

    fn delete_columns(&mut self, using: bool) -> (String, Vec<(Target, Effect)>) {
        let timestamp = self.timestamp;
        let using = self.using(using, None);
        let (table, p) = (self.table.name(), self.partition);
        let cell = |column: Column, path: i32| Effect::Cell { column, path, timestamp, value: None, expiry: None };
        if self.random.one_in(5) {
            let text = format!("DELETE s FROM {table}{using} WHERE p = {p}");
            return (text, vec![(Target::Static, cell(Column::S, 0))]);
        }
        let row = self.extent.row(self.random);
        let target = Target::Rows(Place::Row(row));
        let (mut names, mut effects) = (Vec::new(), Vec::new());
        for column in self.columns(&[Column::V, Column::B, Column::M, Column::T]) {
            if column == Column::M && self.random.one_in(2) {
                let path = self.path();
                names.push(format!("m[{path}]"));
                effects.push((target.clone(), cell(column, path)));
            } else {
                names.push(column.name().to_owned());
                let gone = if matches!(column, Column::V | Column::B) {
                    cell(column, 0)
                } else {
                    Effect::Clear { column, timestamp }
                };
                effects.push((target.clone(), gone));
            }
        }
        let names = names.join(", ");
        let text = format!("DELETE {names} FROM {table}{using} WHERE p = {p} AND c = {} AND d = {}", row.0, row.1);
        (text, effects)
    }

    fn delete_rows(&mut self, using: bool, place: Place) -> (String, Vec<(Target, Effect)>) {
        let using = self.using(using, None);
        let text = format!("DELETE FROM {}{using} WHERE p = {}{place}", self.table.name(), self.partition);
        let target = if place == Place::All { Target::Partition } else { Target::Rows(place) };
        (text, vec![(target, Effect::Delete { timestamp: self.timestamp })])
    }
}
