//! Whether a schema is what its clients were told.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::client::Client;
use crate::statements::{Fate, Ledger, Shape};

/// Tables with their columns and types.
pub type Tables = BTreeMap<String, BTreeMap<String, String>>;

/// The tables of the keyspace `ddl` as one node has them.
pub fn tables_at(address: Ipv4Addr) -> Tables {
    let mut client = Client::connect(address);
    let names = client.texts("SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'ddl'");
    let mut tables: Tables = names.into_iter().map(|row| (row[0].clone(), BTreeMap::new())).collect();
    let columns = "SELECT table_name, column_name, type FROM system_schema.columns WHERE keyspace_name = 'ddl'";
    for row in client.texts(columns) {
        let [table, column, kind] = &row[..] else { panic!("{row:?}") };
        tables.get_mut(table).expect("a column's table").insert(column.clone(), kind.clone());
    }
    tables
}

/// What does not fit; and how many statements with unknown outcomes were made.
pub fn audit(tables: &Tables, ledger: &Ledger) -> (Vec<String>, usize) {
    let mut wrong = Vec::new();
    let mut unknown_made = 0;
    for own in &ledger.own {
        let shape: Shape = tables.get(&own.name).map(|columns| columns.keys().cloned().collect());
        if own.or.as_ref() == Some(&shape) {
            unknown_made += 1;
        } else if shape != own.shape {
            wrong.push(format!("{own:?} is {shape:?}"));
        }
    }
    let common = &tables["common"];
    for (name, fate) in &ledger.columns {
        let there = common.contains_key(name);
        match fate {
            Fate::Made if !there => wrong.push(format!("the column {name} was added and is not there")),
            Fate::Refused if there => wrong.push(format!("the column {name} was refused and is there")),
            Fate::Unknown if there => unknown_made += 1,
            _ => {}
        }
    }
    for (name, asked) in &ledger.contended {
        let there = match name.starts_with("same_") {
            true => common.get(name).cloned(),
            false => tables.get(name).and_then(|columns| columns.keys().find(|of| of.starts_with("of_")).cloned()),
        };
        let of = |fate: Fate| asked.iter().filter(move |(_, f)| *f == fate).map(|(mark, _)| mark);
        let fits = match &there {
            _ if of(Fate::Made).count() > 1 => false,
            Some(mark) if of(Fate::Made).next() == Some(mark) => true,
            Some(mark) if of(Fate::Made).next().is_none() && of(Fate::Unknown).any(|asked| asked == mark) => {
                unknown_made += 1;
                true
            }
            Some(_) => false,
            None => of(Fate::Made).next().is_none(),
        };
        if !fits {
            wrong.push(format!("{name} is {there:?}, asked for by {asked:?}"));
        }
    }
    for (name, fates) in &ledger.drops {
        let there = tables.contains_key(name);
        let made = fates.iter().filter(|fate| **fate == Fate::Made).count();
        let unknown = fates.contains(&Fate::Unknown);
        let fits = if there { made == 0 } else { made == 1 || made == 0 && unknown };
        if !fits {
            wrong.push(format!("{name} is there: {there}, and its drops were {fates:?}"));
        } else if made == 0 && !there {
            unknown_made += 1;
        }
    }
    let known = |name: &String| {
        name == "common"
            || ledger.own.iter().any(|own| own.name == *name)
            || ledger.contended.contains_key(name)
            || name.starts_with("victim_")
    };
    wrong.extend(tables.keys().filter(|name| !known(name)).map(|name| format!("nobody asked for {name}")));
    (wrong, unknown_made)
}

#[test]
fn the_audit_sees_what_does_not_fit() {
    use crate::statements::OwnTable;
    let columns = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "int".to_owned())).collect();
    let shape = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let own = |name: &str, shape, or| OwnTable { name: name.into(), shape, or };
    let tables: Tables = [
        ("common", columns(&["k", "made", "refused"])),
        ("shared", columns(&["k", "of_1"])),
        ("own", columns(&["k"])),
        ("maybe", columns(&["k"])),
        ("victim_1", columns(&["k"])),
    ]
    .into_iter()
    .map(|(name, columns)| (name.to_owned(), columns))
    .collect();
    let mut right = Ledger { own: vec![own("own", shape(&["k"]), None)], ..Ledger::default() };
    right.own.push(own("maybe", None, Some(shape(&["k"]))));
    right.columns.insert("made".into(), Fate::Made);
    right.contended.insert("shared".into(), vec![("of_0".into(), Fate::Refused), ("of_1".into(), Fate::Made)]);
    right.drops.insert("victim_1".into(), vec![Fate::Refused, Fate::Unknown]);
    right.drops.insert("victim_2".into(), vec![Fate::Unknown, Fate::Made]);
    assert_eq!(audit(&tables, &right), (vec![], 1));

    let change = |change: &dyn Fn(&mut Ledger)| {
        let mut ledger = right.clone();
        change(&mut ledger);
        audit(&tables, &ledger).0.len()
    };
    assert_eq!(change(&|ledger| ledger.own[0].shape = None), 1);
    assert_eq!(change(&|ledger| ledger.own[1].or = None), 1);
    assert_eq!(change(&|ledger| _ = ledger.own.pop()), 1);
    assert_eq!(change(&|ledger| _ = ledger.columns.insert("refused".into(), Fate::Refused)), 1);
    assert_eq!(change(&|ledger| _ = ledger.columns.insert("lost".into(), Fate::Made)), 1);
    for asked in [[Fate::Made, Fate::Refused], [Fate::Made, Fate::Made], [Fate::Refused, Fate::Refused]] {
        let asked: Vec<(String, Fate)> = ["of_0".to_owned(), "of_1".to_owned()].into_iter().zip(asked).collect();
        assert_eq!(change(&|ledger| _ = ledger.contended.insert("shared".into(), asked.clone())), 1);
    }
    for (name, fates) in
        [("victim_1", vec![Fate::Made]), ("victim_2", vec![Fate::Refused]), ("victim_2", vec![Fate::Made, Fate::Made])]
    {
        assert_eq!(change(&|ledger| _ = ledger.drops.insert(name.into(), fates.clone())), 1, "{name} {fates:?}");
    }
}
