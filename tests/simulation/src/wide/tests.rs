//! The model accepts what may be, and rejects what must not be.

use super::check::{Page, Progress};
use super::decode::{Answer, Row};
use super::effect::{Effect, Expiry, add, content};
use super::model::{Model, Moment, Target};
use super::place::{Extent, Place};
use super::reads::{Query, Read};
use super::table::{Column, Key, Table};
use crate::oracle::Outcome;
use crate::oracle::Outcome::{Acknowledged, Refused, Unknown};

const NOW: Moment = Moment { earliest_s: 1_000, latest_s: 1_000 };

fn model() -> Model {
    Model::new(Table::Ascending, Extent { c: 3, d: 2 })
}

fn cell(column: Column, timestamp: i64, value: Option<i64>) -> Effect {
    Effect::Cell { column, path: 0, timestamp, value, expiry: None }
}

fn put(model: &mut Model, write: u32, key: Key, value: i64, outcome: Outcome) {
    let effect = cell(Column::V, i64::from(write), Some(value));
    model.written(write, String::new(), &[(Target::Rows(Place::Row(key)), effect)], outcome);
}

fn put_many(model: &mut Model, write: u32, keys: &[Key], outcome: Outcome) {
    let effect = cell(Column::V, i64::from(write), Some(i64::from(write)));
    let effects: Vec<_> = keys.iter().map(|key| (Target::Rows(Place::Row(*key)), effect)).collect();
    model.written(write, String::new(), &effects, outcome);
}

fn delete(model: &mut Model, write: u32, place: Place, outcome: Outcome) {
    let effect = Effect::Delete { timestamp: i64::from(write) };
    model.written(write, String::new(), &[(Target::Rows(place), effect)], outcome);
}

fn put_static(model: &mut Model, write: u32, value: i64, outcome: Outcome) {
    let effect = cell(Column::S, i64::from(write), Some(value));
    model.written(write, String::new(), &[(Target::Static, effect)], outcome);
}

fn row(key: Key, value: i64) -> Row {
    Row { key: Some(key), value: Some(value), ..Row::default() }
}

fn one(row: &Row) -> &[Row] {
    std::slice::from_ref(row)
}

fn rows_of(place: Place, limit: Option<usize>, page_size: Option<u32>) -> Read {
    let columns = vec![Column::V, Column::M, Column::T, Column::S];
    let query = Query::Rows { columns, place, reversed: false, limit, least: None };
    Read { query, text: String::new(), page_size }
}

fn all() -> Read {
    rows_of(Place::All, None, None)
}

/// Checks one page after another; the last is the end of the read.
fn check(model: &mut Model, read: &Read, settles: bool, pages: &[&[Row]]) -> Result<(), String> {
    let mut progress = Progress::default();
    for (number, rows) in pages.iter().enumerate() {
        let answer = Answer::Rows(rows.to_vec());
        let has_more = number + 1 < pages.len();
        model.check(read, &mut progress, &Page { answer: &answer, has_more, now: NOW, settles })?;
    }
    Ok(())
}

fn accepts(model: &mut Model, read: &Read, pages: &[&[Row]]) {
    assert_eq!(check(model, read, true, pages), Ok(()));
}

fn rejects(model: &mut Model, read: &Read, pages: &[&[Row]], because: &str) {
    let problem = check(model, read, true, pages).expect_err("a wrong answer was accepted");
    assert!(problem.contains(because), "{problem}");
}

#[test]
fn a_lost_write_and_a_resurrected_row_are_seen() {
    let mut lost = model();
    put(&mut lost, 1, (0, 0), 7, Acknowledged);
    rejects(&mut lost, &all(), &[&[]], "a row is missing; row (0, 0)");
    accepts(&mut lost, &all(), &[&[row((0, 0), 7)]]);
    put(&mut lost, 2, (0, 0), 8, Acknowledged);
    rejects(&mut lost, &all(), &[&[row((0, 0), 7)]], "value Some(8)");
    delete(&mut lost, 3, Place::C(0), Acknowledged);
    rejects(&mut lost, &all(), &[&[row((0, 0), 8)]], "should show nothing");
    accepts(&mut lost, &all(), &[&[]]);
    // What is written with an older timestamp stays under the deletion.
    put(&mut lost, 3, (0, 1), 9, Acknowledged);
    rejects(&mut lost, &all(), &[&[row((0, 1), 9)]], "should show nothing");
}

#[test]
fn a_refused_write_is_never_seen() {
    let mut refused = model();
    put(&mut refused, 1, (1, 1), 7, Acknowledged);
    put(&mut refused, 2, (1, 1), 8, Refused);
    rejects(&mut refused, &all(), &[&[row((1, 1), 8)]], "value Some(7)");
    delete(&mut refused, 3, Place::All, Refused);
    rejects(&mut refused, &all(), &[&[]], "a row is missing");
    accepts(&mut refused, &all(), &[&[row((1, 1), 7)]]);
}

#[test]
fn order_and_repeats_are_seen() {
    let mut some = model();
    put_many(&mut some, 1, &[(0, 0), (0, 1), (1, 0)], Acknowledged);
    let (a, b, c) = (row((0, 1), 1), row((0, 0), 1), row((1, 0), 1));
    accepts(&mut some, &all(), &[&[a.clone(), b.clone(), c.clone()]]);
    rejects(&mut some, &all(), &[&[b.clone(), a.clone(), c.clone()]], "(0, 1)");
    let paged = rows_of(Place::All, None, Some(2));
    accepts(&mut some, &paged, &[&[a.clone(), b.clone()], one(&c)]);
    accepts(&mut some, &paged, &[one(&a), &[], &[b.clone(), c.clone()], &[]]);
    rejects(&mut some, &paged, &[&[a.clone(), b.clone()], &[b.clone(), c.clone()]], "double");
    rejects(&mut some, &paged, &[one(&a), one(&c)], "a row is missing; row (0, 0)");
    rejects(&mut some, &paged, &[&[a.clone(), b.clone()], &[]], "a row is missing; row (1, 0)");
    rejects(&mut some, &paged, &[&[a, b, c]], "in a page of");
    rejects(&mut some, &rows_of(Place::C(1), None, None), &[&[row((0, 0), 1)]], "not asked for");
}

#[test]
fn the_edge_of_a_limit_is_seen() {
    let mut some = model();
    put_many(&mut some, 1, &[(0, 0), (1, 0), (2, 0)], Acknowledged);
    let (a, b, c) = (row((0, 0), 1), row((1, 0), 1), row((2, 0), 1));
    let limited = rows_of(Place::All, Some(2), None);
    accepts(&mut some, &limited, &[&[a.clone(), b.clone()]]);
    rejects(&mut some, &limited, &[one(&a)], "a row is missing; row (1, 0)");
    rejects(&mut some, &limited, &[&[a.clone(), c.clone()]], "a row is missing; row (1, 0)");
    rejects(&mut some, &limited, &[&[a, b, c]], "more than the limit");
}

#[test]
fn an_unknown_write_may_be_either_until_a_read_has_shown_it() {
    let mut unknown = model();
    put(&mut unknown, 1, (0, 0), 7, Acknowledged);
    put(&mut unknown, 2, (0, 0), 8, Unknown);
    accepts(&mut unknown, &all(), &[&[row((0, 0), 7)]]);
    assert_eq!(unknown.open(), [2]);
    // Seen, by a read after which later ones may still miss it.
    assert_eq!(check(&mut unknown, &all(), false, &[&[row((0, 0), 8)]]), Ok(()));
    accepts(&mut unknown, &all(), &[&[row((0, 0), 7)]]);
    accepts(&mut unknown, &all(), &[&[row((0, 0), 8)]]);
    assert!(unknown.open().is_empty());
    rejects(&mut unknown, &all(), &[&[row((0, 0), 7)]], "value Some(8)");
}

#[test]
fn what_outdoes_an_unknown_write_settles_it() {
    let mut unknown = model();
    delete(&mut unknown, 2, Place::All, Unknown);
    put(&mut unknown, 1, (0, 0), 6, Acknowledged);
    put(&mut unknown, 3, (0, 1), 7, Acknowledged);
    accepts(&mut unknown, &all(), &[&[row((0, 1), 7), row((0, 0), 6)]]);
    delete(&mut unknown, 4, Place::All, Acknowledged);
    assert!(unknown.open().is_empty());
    accepts(&mut unknown, &all(), &[&[]]);
}

#[test]
fn a_write_is_seen_as_a_whole() {
    let two = [(0, 0), (1, 0)];
    let part = [row((0, 0), 1)];
    let mut unknown = model();
    put_many(&mut unknown, 1, &two, Unknown);
    rejects(&mut unknown, &all(), &[&part], "seen in part");
    accepts(&mut unknown, &all(), &[&[]]);
    accepts(&mut unknown, &all(), &[&[row((0, 0), 1), row((1, 0), 1)]]);
    // A read of one row brings that row alone to more replicas.
    let mut unknown = model();
    put_many(&mut unknown, 1, &two, Unknown);
    accepts(&mut unknown, &rows_of(Place::C(0), None, None), &[&part]);
    accepts(&mut unknown, &all(), &[&part]);
    accepts(&mut unknown, &all(), &[&[row((0, 0), 1), row((1, 0), 1)]]);
    rejects(&mut unknown, &all(), &[&part], "a row is missing");
}

#[test]
fn static_columns_alone_make_a_row() {
    let mut fixed = model();
    put_static(&mut fixed, 1, 5, Acknowledged);
    let alone = Row { fixed: Some(5), ..Row::default() };
    accepts(&mut fixed, &all(), &[one(&alone)]);
    rejects(&mut fixed, &all(), &[&[]], "the static row");
    rejects(&mut fixed, &rows_of(Place::C(0), None, None), &[one(&alone)], "without a key");
    put(&mut fixed, 2, (0, 0), 7, Acknowledged);
    rejects(&mut fixed, &all(), &[one(&alone)], "a row is missing");
    rejects(&mut fixed, &all(), &[&[row((0, 0), 7)]], "s = None");
    accepts(&mut fixed, &all(), &[&[Row { fixed: Some(5), ..row((0, 0), 7) }]]);
    // Deleting rows spares static columns, deleting the partition does not.
    delete(&mut fixed, 3, Place::All, Acknowledged);
    accepts(&mut fixed, &all(), &[one(&alone)]);
    let gone = [(Target::Partition, Effect::Delete { timestamp: 4 })];
    fixed.written(4, String::new(), &gone, Acknowledged);
    rejects(&mut fixed, &all(), &[&[alone]], "should show nothing");
}

#[test]
fn counts_and_distinct_are_checked() {
    let mut some = model();
    let ask = |model: &mut Model, query: Query, answer: Answer| {
        let read = Read { query, text: String::new(), page_size: None };
        let page = Page { answer: &answer, has_more: false, now: NOW, settles: true };
        model.check(&read, &mut Progress::default(), &page).is_ok()
    };
    let count = || Query::Count { place: Place::All };
    assert!(ask(&mut some, Query::Distinct, Answer::Distinct(None)));
    assert!(!ask(&mut some, Query::Distinct, Answer::Distinct(Some(None))));
    assert!(ask(&mut some, count(), Answer::Count(0)));
    put_static(&mut some, 1, 5, Acknowledged);
    assert!(ask(&mut some, count(), Answer::Count(1)));
    assert!(!ask(&mut some, count(), Answer::Count(0)));
    assert!(!ask(&mut some, Query::Distinct, Answer::Distinct(None)));
    assert!(ask(&mut some, Query::Distinct, Answer::Distinct(Some(Some(5)))));
    put_many(&mut some, 2, &[(0, 0), (0, 1)], Acknowledged);
    put(&mut some, 3, (1, 1), 7, Unknown);
    for (number, fits) in [(1, false), (2, true), (3, true), (4, false)] {
        assert_eq!(ask(&mut some, count(), Answer::Count(number)), fits, "{number}");
    }
}

#[test]
fn what_has_expired_is_gone_and_about_then_may_be_either() {
    let at = |earliest_s, latest_s| {
        let expiry = Some(Expiry { earliest_s, latest_s, ttl_s: 5, write: 1 });
        let mut model = model();
        let cell = Effect::Cell { column: Column::V, path: 0, timestamp: 1, value: Some(7), expiry };
        model.written(1, String::new(), &[(Target::Rows(Place::Row((0, 0))), cell)], Acknowledged);
        let shown = check(&mut model, &all(), true, &[&[row((0, 0), 7)]]).is_ok();
        (shown, check(&mut model, &all(), true, &[&[]]).is_ok())
    };
    assert_eq!(at(1_001, 1_001), (true, false));
    assert_eq!(at(1_000, 1_000), (false, true));
    assert_eq!(at(1_000, 1_001), (true, true));
}

#[test]
fn equal_timestamps_are_decided_as_in_the_database() {
    let expiring = |at_s, ttl_s, value| {
        let expiry = Some(Expiry { earliest_s: at_s, latest_s: at_s, ttl_s, write: 1 });
        Effect::Cell { column: Column::V, path: 0, timestamp: 9, value: Some(value), expiry }
    };
    let ascending = [
        cell(Column::V, 8, None),
        cell(Column::V, 9, Some(1)),
        cell(Column::V, 9, Some(2)),
        expiring(50, 20, 1),
        expiring(51, 20, 1),
        expiring(51, 10, 1),
        expiring(51, 10, 2),
        cell(Column::V, 9, None),
        Effect::Delete { timestamp: 9 },
    ];
    for (at, greater) in ascending.iter().enumerate() {
        for lesser in &ascending[..at] {
            for pair in [[*greater, *lesser], [*lesser, *greater]] {
                let mut effects = Vec::new();
                pair.into_iter().for_each(|effect| add(&mut effects, effect));
                assert_eq!(effects, [*greater]);
            }
        }
    }
}

#[test]
fn an_assignment_keeps_what_is_written_to_the_collection_at_the_same_time() {
    let element = |path, timestamp| Effect::Cell { column: Column::T, path, timestamp, value: Some(0), expiry: None };
    let mut effects = Vec::new();
    for effect in [element(1, 8), element(2, 9), Effect::Clear { column: Column::T, timestamp: 8 }, element(3, 9)] {
        add(&mut effects, effect);
    }
    assert_eq!(content(&effects, |_| true).set, [2, 3]);
}
