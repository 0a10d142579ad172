//! GROUP BY: which rows belong together.

use starling_cql_lite::ast::{self, SelectorKind};
use starling_cql_lite::protocol::error::CqlError;

use super::aggregate::AggregateKind;
use super::errors::invalid;
use super::names::TableInfo;
use super::restriction::Restrictions;
use super::selection::SelectClause;
use super::selector::Selector;
use super::term::Terms;
use crate::schema::ColumnKind;

/// How rows are put together: by partition and this many clustering columns.
#[derive(Clone, Debug)]
pub(crate) struct Grouping {
    /// Clustering columns that tell groups apart.
    pub clustering_columns: usize,
    /// What of the last of these columns tells groups apart; `None`: its value.
    pub last: Option<Selector>,
}

/// Resolves a GROUP BY.
pub(crate) fn grouping(
    terms: &mut Terms<'_>,
    clause: &mut SelectClause,
    select: &ast::Select,
    restrictions: &Restrictions,
) -> Result<Option<Grouping>, CqlError> {
    if select.group_by.is_empty() {
        return Ok(None);
    }
    let info = terms.info;
    let key: Vec<usize> = info.partition_key.iter().chain(&info.clustering).copied().collect();
    let mut next = 0;
    let mut last = None;
    for selector in &select.group_by {
        if last.is_some() {
            return Err(invalid("Functions are only supported on the last element of the GROUP BY clause"));
        }
        let column = match &selector.kind {
            SelectorKind::Column(name) => info.find(name)?,
            _ => {
                let (column, by) = function(terms, clause, selector)?;
                last = Some(by);
                column
            }
        };
        let Some(position) = key.iter().position(|&other| other == column) else {
            let name = &info.column(column).name;
            return Err(invalid(format!(
                "Group by is currently only supported on the columns of the PRIMARY KEY, got {name}"
            )));
        };
        while next < position && key.get(next).is_some_and(|c| restrictions.equal_columns.contains(c)) {
            next += 1;
        }
        if next != position {
            return Err(invalid(
                "Group by currently only support groups of columns following their declared order in the PRIMARY KEY",
            ));
        }
        next += 1;
    }
    let left = info.partition_key.get(next..).unwrap_or_default();
    if left.iter().any(|column| !restrictions.equal_columns.contains(column)) {
        return Err(invalid("Group by is not supported on only a part of the partition key"));
    }
    let clustering_columns = next.saturating_sub(info.partition_key.len());
    if clustering_columns > 0 && select.distinct {
        return Err(invalid("Grouping on clustering columns is not allowed for SELECT DISTINCT queries"));
    }
    Ok(Some(Grouping { clustering_columns, last }))
}

/// A function of one clustering column whose results ascend with it: rows of one result are neighbours.
fn function(
    terms: &mut Terms<'_>,
    clause: &mut SelectClause,
    selector: &ast::Selector,
) -> Result<(usize, Selector), CqlError> {
    if let SelectorKind::Function { name, .. } = &selector.kind
        && AggregateKind::named(&name.name.name).is_some()
    {
        return Err(invalid(format!(
            "Aggregate functions are not supported within the GROUP BY clause, got: system.{}",
            name.name.name
        )));
    }
    let info: &TableInfo = terms.info;
    let by = clause.group_selector(terms, selector)?;
    let mut columns = Vec::new();
    by.collect_columns(&mut columns);
    columns.dedup();
    let column = match columns[..] {
        [] => return Err(invalid("GROUP BY functions must have one clustering column name as parameter")),
        [only] => only,
        _ => {
            let names = info.names(&columns).replace(", ", ",");
            return Err(invalid(format!(
                "GROUP BY functions accept only one clustering column as parameter, got: {names}"
            )));
        }
    };
    if !matches!(info.column(column).kind, ColumnKind::Clustering { .. }) {
        let name = &info.column(column).name;
        return Err(invalid(format!("Group by functions are only supported on clustering columns, got {name}")));
    }
    check_monotonic(&by)?;
    Ok((column, by))
}

fn check_monotonic(selector: &Selector) -> Result<(), CqlError> {
    let refused =
        |what: &str| invalid(format!("Only monotonic functions are supported in the GROUP BY clause. Got: {what}"));
    match selector {
        Selector::Column(_) => Ok(()),
        Selector::Call(function, arguments) => {
            let constant = |argument: &Selector| matches!(argument, Selector::Constant(_));
            if !function.is_monotonic() || !arguments.iter().skip(1).all(constant) {
                return Err(refused(&format!("system.{}", function.name)));
            }
            arguments.first().map_or(Ok(()), check_monotonic)
        }
        Selector::Arithmetic(operation) => Err(refused(operation.operator.as_str())),
        _ => Err(refused("a term")),
    }
}
