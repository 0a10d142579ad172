//! Random writes and reads against a map of rows.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::support::{Db, START_S};

/// Rows by (k, c1, c2), as the model sees them: value and when it expires.
type Model = BTreeMap<(i32, i32, i32), (i32, Option<i64>)>;

#[derive(Clone, Debug)]
enum Write {
    Put(i32, i32, i32, i32, Option<i64>),
    DeleteRow(i32, i32, i32),
    DeleteRange(i32, i32, i32),
    DeleteAfter(i32, i32, i32),
    DeletePartition(i32),
    Wait(i64),
}

#[derive(Clone, Debug)]
struct Query {
    k: Vec<i32>,
    lower: Option<(i32, bool)>,
    upper: Option<(i32, bool)>,
    tuple: Option<(i32, i32, &'static str)>,
    reversed: bool,
    limit: Option<usize>,
    per_partition: Option<usize>,
    filter: Option<i32>,
}

fn write() -> impl Strategy<Value = Write> {
    let (k, c) = (0..3_i32, 0..4_i32);
    prop_oneof![
        6 => (k.clone(), c.clone(), c.clone(), 0..100, prop::option::weighted(0.3, 1..20_i64))
            .prop_map(|(k, c1, c2, v, ttl)| Write::Put(k, c1, c2, v, ttl)),
        2 => (k.clone(), c.clone(), c.clone()).prop_map(|(k, c1, c2)| Write::DeleteRow(k, c1, c2)),
        1 => (k.clone(), c.clone(), c.clone()).prop_map(|(k, a, b)| Write::DeleteRange(k, a.min(b), a.max(b))),
        1 => (k.clone(), c.clone(), c).prop_map(|(k, c1, c2)| Write::DeleteAfter(k, c1, c2)),
        1 => k.prop_map(Write::DeletePartition),
        1 => (1..10_i64).prop_map(Write::Wait),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let end = || prop::option::of((0..4_i32, any::<bool>()));
    let operators = prop::sample::select(vec!["<", "<=", ">", ">="]);
    (
        prop::collection::btree_set(0..3_i32, 1..3),
        (end(), end()),
        prop::option::weighted(0.3, (0..4_i32, 0..4_i32, operators)),
        any::<bool>(),
        prop::option::weighted(0.4, 1..12_usize),
        prop::option::weighted(0.3, 1..4_usize),
        prop::option::weighted(0.3, 0..100),
    )
        .prop_map(|(k, (lower, upper), tuple, reversed, limit, per_partition, filter)| Query {
            reversed: reversed && k.len() == 1,
            k: k.into_iter().collect(),
            lower,
            upper,
            tuple,
            limit,
            per_partition,
            filter,
        })
}

impl Query {
    fn cql(&self) -> String {
        let keys: Vec<String> = self.k.iter().map(i32::to_string).collect();
        let mut cql = match keys.as_slice() {
            [only] => format!("SELECT k, c1, c2, v FROM r WHERE k = {only}"),
            _ => format!("SELECT k, c1, c2, v FROM r WHERE k IN ({})", keys.join(", ")),
        };
        if let Some((c1, c2, operator)) = self.tuple {
            cql += &format!(" AND (c1, c2) {operator} ({c1}, {c2})");
        } else {
            if let Some((lower, inclusive)) = self.lower {
                cql += &format!(" AND c1 {} {lower}", if inclusive { ">=" } else { ">" });
            }
            if let Some((upper, inclusive)) = self.upper {
                cql += &format!(" AND c1 {} {upper}", if inclusive { "<=" } else { "<" });
            }
        }
        if let Some(filter) = self.filter {
            cql += &format!(" AND v >= {filter}");
        }
        if self.reversed {
            cql += " ORDER BY c1 ASC";
        }
        if let Some(limit) = self.per_partition {
            cql += &format!(" PER PARTITION LIMIT {limit}");
        }
        if let Some(limit) = self.limit {
            cql += &format!(" LIMIT {limit}");
        }
        cql + " ALLOW FILTERING"
    }

    fn holds(&self, c1: i32, c2: i32, v: i32) -> bool {
        let range = match self.tuple {
            Some((a, b, "<")) => (c1, c2) < (a, b),
            Some((a, b, "<=")) => (c1, c2) <= (a, b),
            Some((a, b, ">")) => (c1, c2) > (a, b),
            Some((a, b, _)) => (c1, c2) >= (a, b),
            None => {
                self.lower.is_none_or(|(end, inclusive)| c1 > end || inclusive && c1 == end)
                    && self.upper.is_none_or(|(end, inclusive)| c1 < end || inclusive && c1 == end)
            }
        };
        range && self.filter.is_none_or(|filter| v >= filter)
    }

    fn expected(&self, model: &Model, now_s: i64) -> Vec<String> {
        let mut all = Vec::new();
        for &wanted in &self.k {
            let mut rows: Vec<(i32, i32, i32)> = model
                .iter()
                .filter(|((k, ..), (_, expires))| *k == wanted && expires.is_none_or(|at| now_s < at))
                .map(|((_, c1, c2), (v, _))| (*c1, *c2, *v))
                .filter(|(c1, c2, v)| self.holds(*c1, *c2, *v))
                .collect();
            // The table's order: c1 descending, c2 ascending.
            rows.sort_by_key(|(c1, c2, _)| (-c1, *c2));
            if self.reversed {
                rows.reverse();
            }
            rows.truncate(self.per_partition.unwrap_or(usize::MAX));
            all.extend(rows.iter().map(|(c1, c2, v)| format!("{wanted}|{c1}|{c2}|{v}")));
        }
        all.truncate(self.limit.unwrap_or(usize::MAX));
        all
    }
}

fn apply(db: &mut Db, model: &mut Model, write: &Write) {
    match *write {
        Write::Put(k, c1, c2, v, ttl) => {
            let using = ttl.map(|ttl| format!(" USING TTL {ttl}")).unwrap_or_default();
            db.run(&format!("INSERT INTO r (k, c1, c2, v) VALUES ({k}, {c1}, {c2}, {v}){using}"));
            model.insert((k, c1, c2), (v, ttl.map(|ttl| db.now_s + ttl)));
        }
        Write::DeleteRow(k, c1, c2) => {
            db.run(&format!("DELETE FROM r WHERE k = {k} AND c1 = {c1} AND c2 = {c2}"));
            model.remove(&(k, c1, c2));
        }
        Write::DeleteRange(k, from, to) => {
            db.run(&format!("DELETE FROM r WHERE k = {k} AND c1 >= {from} AND c1 < {to}"));
            model.retain(|(key, c1, _), _| *key != k || *c1 < from || *c1 >= to);
        }
        Write::DeleteAfter(k, c1, c2) => {
            db.run(&format!("DELETE FROM r WHERE k = {k} AND (c1, c2) > ({c1}, {c2})"));
            model.retain(|(key, a, b), _| *key != k || (*a, *b) <= (c1, c2));
        }
        Write::DeletePartition(k) => {
            db.run(&format!("DELETE FROM r WHERE k = {k}"));
            model.retain(|(key, ..), _| *key != k);
        }
        Write::Wait(seconds) => db.now_s += seconds,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_agree_with_a_map(
        writes in prop::collection::vec(write(), 1..60),
        queries in prop::collection::vec(query(), 6),
        page_size in 1..7_u32,
    ) {
        let mut db = Db::new(&["CREATE TABLE r (k int, c1 int, c2 int, v int, PRIMARY KEY (k, c1, c2)) \
                                WITH CLUSTERING ORDER BY (c1 DESC, c2 ASC)"]);
        let mut model = Model::new();
        for write in &writes {
            apply(&mut db, &mut model, write);
        }
        prop_assert!(db.now_s >= START_S);
        for query in &queries {
            let cql = query.cql();
            let expected = query.expected(&model, db.now_s);
            prop_assert_eq!(&db.rows(&cql), &expected, "{}", &cql);
            let paged = db.select_paged(&cql, &[], Some(page_size)).unwrap().text();
            prop_assert_eq!(&paged, &expected, "{} in pages of {}", &cql, page_size);
        }
        let live = model.values().filter(|(_, expires)| expires.is_none_or(|at| db.now_s < at)).count();
        prop_assert_eq!(db.select_paged("SELECT k FROM r", &[], Some(page_size)).unwrap().rows.len(), live);
        prop_assert_eq!(db.rows("SELECT count(*) FROM r"), vec![live.to_string()]);
    }
}
