//! Pages.

use anyhow::Result;
use serde_json::Value;

use super::checks::{columns, compare};
use super::{Steps, need};
use crate::driver::{Driver, Failure, Statement};
use crate::kind::Kind;
use crate::script;

/// The rows of a `fill` step, as texts of p, c and v.
pub fn filled(step: &Value) -> Result<Vec<[String; 3]>> {
    let (partitions, rows): (u32, u32) = (script::number(step, "partitions")?, script::number(step, "rows")?);
    let row = |p: u32, c: u32| [p.to_string(), c.to_string(), format!("{p}-{c}")];
    Ok((0..partitions).flat_map(|p| (0..rows).map(move |c| row(p, c))).collect())
}

impl<D: Driver> Steps<'_, D> {
    pub(super) async fn page(&mut self, step: &Value) -> Result<(), Failure> {
        let cql = script::text(step, "cql")?;
        let page_size: i32 = script::number(step, "page_size")?;
        let prepared = if step["prepared"] == true { Some(self.driver.prepare(cql).await?) } else { None };
        let statement = || match &prepared {
            Some(prepared) => Statement::Prepared(prepared, vec![]),
            None => Statement::Simple(cql),
        };
        let (mut rows, mut pages, mut from) = (Vec::new(), 0_u32, None);
        loop {
            let (mut answer, next) = self.driver.page(statement(), page_size, from).await?;
            pages += u32::from(!answer.rows.is_empty());
            rows.append(&mut answer.rows);
            from = next;
            if from.is_none() {
                break;
            }
        }
        need(pages >= script::number(step, "pages_min")?, || format!("{pages} pages"))?;
        check_rows::<D>(step, rows)?;
        if step["resume"] != true {
            check_rows::<D>(step, self.driver.pager(statement(), page_size).await?)?;
        }
        Ok(())
    }
}

fn check_rows<D: Driver>(step: &Value, mut rows: Vec<Vec<Option<D::Read>>>) -> Result<(), Failure> {
    if step["filled"].is_null() {
        let (_, kinds) = columns(step)?;
        return compare::<D>(&kinds, script::array(step, "rows")?, &rows);
    }
    let kinds = ["int", "int", "text"].map(|name| Kind::Native(name.into()));
    let partition = |row: &Vec<Option<D::Read>>| -> Option<i64> {
        let form = D::form(&kinds[0], row.first()?.as_ref()?).ok()?;
        form.as_str()?.parse().ok()
    };
    // A stable sort by partition: within each, the rows have to be in order already.
    rows.sort_by_key(partition);
    let wanted = filled(&step["filled"])?.into_iter().map(|row| Value::from(row.to_vec()));
    compare::<D>(&kinds, &wanted.collect::<Vec<Value>>(), &rows)
}
