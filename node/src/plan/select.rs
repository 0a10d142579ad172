//! SELECT prepared.

use std::sync::Arc;

use starling_cql_lite::ast::{self, OrderingKind};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::errors::{invalid, unsupported};
use super::grouping::{Grouping, grouping};
use super::keys::ClusteringLayout;
use super::names::TableInfo;
use super::relation::Relations;
use super::restriction::{Purpose, Restrictions};
use super::row::RowShape;
use super::selection::SelectClause;
use super::term::{Term, Terms};
use super::variables::{Receiver, Variables};
use crate::schema::ColumnKind;

/// A column that rows of several partitions are sorted by after they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SortColumn {
    /// Index of the column.
    pub column: usize,
    /// DESC.
    pub descending: bool,
}

/// A prepared SELECT.
#[derive(Clone, Debug)]
pub(crate) struct SelectPlan {
    /// The table.
    pub info: Arc<TableInfo>,
    /// Its clustering columns.
    pub layout: ClusteringLayout,
    /// What is selected.
    pub clause: SelectClause,
    /// WHERE.
    pub restrictions: Restrictions,
    /// Rows of a partition in descending storage order.
    pub reversed: bool,
    /// Sorting over several partitions.
    pub sort: Vec<SortColumn>,
    /// SELECT DISTINCT.
    pub distinct: bool,
    /// GROUP BY.
    pub grouping: Option<Grouping>,
    /// LIMIT.
    pub limit: Option<Term>,
    /// PER PARTITION LIMIT.
    pub per_partition_limit: Option<Term>,
    /// The columns that selection, filters and sorting look at.
    pub shape: RowShape,
}

impl SelectPlan {
    /// Whether rows are aggregated, into groups or into one.
    pub fn aggregates(&self) -> bool {
        !self.clause.aggregates.is_empty() || self.grouping.is_some()
    }

    /// What clients are warned of.
    pub fn warnings(&self) -> Vec<String> {
        let warning = if !self.aggregates() {
            return Vec::new();
        } else if !self.restrictions.names_partitions() {
            "Aggregation query used without partition key"
        } else if self.restrictions.has_partition_in() {
            "Aggregation query used on multiple partition keys (IN restriction)"
        } else {
            return Vec::new();
        };
        vec![warning.to_owned()]
    }
}

/// Prepares a SELECT.
pub(crate) fn prepare(
    info: &Arc<TableInfo>,
    variables: &mut Variables,
    select: &ast::Select,
) -> Result<SelectPlan, CqlError> {
    let mut terms = Terms { info, variables };
    for &column in &info.clustering {
        terms.variables.weigh(&info.column(column).cql_type)?;
    }
    let mut clause = SelectClause::prepare(&mut terms, &select.selection)?;
    if select.json {
        clause = clause.into_json();
    }
    let relations = Relations::prepare(&mut terms, &select.relations)?;
    if select.distinct {
        check_distinct_relations(info, &relations)?;
    }
    let filtering = select.allow_filtering || filters_freely(info);
    let restrictions = Restrictions::new(info, relations, Purpose::Select { filtering })?;
    check_static_selection(info, select, &clause, &restrictions)?;
    if select.distinct {
        check_distinct(info, &clause, &restrictions)?;
    }
    let (reversed, sort) = ordering(info, select, &restrictions)?;
    let grouping = grouping(&mut terms, &mut clause, select, &restrictions)?;
    let limit = limit_term(&mut terms, select.limit.as_ref(), "[limit]")?;
    let per_partition_limit = limit_term(&mut terms, select.per_partition_limit.as_ref(), "[per_partition_limit]")?;
    if per_partition_limit.is_some() {
        if select.distinct {
            return Err(invalid("PER PARTITION LIMIT is not allowed with SELECT DISTINCT queries"));
        }
        if grouping.is_none() && !clause.aggregates.is_empty() {
            return Err(invalid("PER PARTITION LIMIT is not allowed with aggregate queries."));
        }
    }
    let mut columns = clause.read_columns();
    columns.extend(restrictions.filters.iter().flat_map(|filter| filter.columns.iter().copied()));
    columns.extend(sort.iter().map(|sort| sort.column));
    if let Some(grouping) = &grouping {
        columns.extend(info.clustering.iter().take(grouping.clustering_columns));
    }
    Ok(SelectPlan {
        info: Arc::clone(info),
        layout: ClusteringLayout::new(info),
        shape: RowShape::new(info, &columns),
        clause,
        restrictions,
        reversed,
        sort,
        distinct: select.distinct,
        grouping,
        limit,
        per_partition_limit,
    })
}

/// Keyspaces whose tables filter without leave, as Cassandra's virtual ones do.
fn filters_freely(info: &TableInfo) -> bool {
    info.is_virtual && matches!(info.table.keyspace.as_str(), "system_views" | "system_virtual_schema")
}

fn check_static_selection(
    info: &TableInfo,
    select: &ast::Select,
    clause: &SelectClause,
    restrictions: &Restrictions,
) -> Result<(), CqlError> {
    if select.selection == ast::Selection::All || restrictions.clustering_depth == 0 {
        return Ok(());
    }
    let columns = clause.read_columns();
    let kind_of = |&column: &usize| info.column(column).kind;
    let only_static =
        columns.iter().map(kind_of).all(|kind| matches!(kind, ColumnKind::Static | ColumnKind::PartitionKey(_)));
    if only_static && columns.iter().map(kind_of).any(|kind| kind == ColumnKind::Static) {
        return Err(invalid("Cannot restrict clustering columns when selecting only static columns"));
    }
    Ok(())
}

fn check_distinct_relations(info: &TableInfo, relations: &Relations) -> Result<(), CqlError> {
    let mut columns = relations.columns.iter().flat_map(|restriction| &restriction.columns);
    let row_wise =
        |&column: &usize| matches!(info.column(column).kind, ColumnKind::Clustering { .. } | ColumnKind::Regular);
    if columns.any(row_wise) {
        return Err(invalid(
            "SELECT DISTINCT with WHERE clause only supports restriction by partition key and/or static columns.",
        ));
    }
    Ok(())
}

fn check_distinct(info: &TableInfo, clause: &SelectClause, restrictions: &Restrictions) -> Result<(), CqlError> {
    let requested = clause.read_columns();
    for &column in &requested {
        if matches!(info.column(column).kind, ColumnKind::Clustering { .. } | ColumnKind::Regular) {
            return Err(invalid(format!(
                "SELECT DISTINCT queries must only request partition key columns and/or static columns (not {})",
                info.column(column).name
            )));
        }
    }
    if restrictions.names_partitions() {
        return Ok(());
    }
    match info.partition_key.iter().find(|column| !requested.contains(column)) {
        Some(&column) => Err(invalid(format!(
            "SELECT DISTINCT queries must request all the partition key columns (missing {})",
            info.column(column).name
        ))),
        None => Ok(()),
    }
}

fn ordering(
    info: &TableInfo,
    select: &ast::Select,
    restrictions: &Restrictions,
) -> Result<(bool, Vec<SortColumn>), CqlError> {
    if select.order_by.is_empty() {
        return Ok((false, Vec::new()));
    }
    if select.distinct {
        return Err(invalid("ORDER BY is not supported with SELECT DISTINCT"));
    }
    if !restrictions.names_partitions() {
        return Err(invalid("ORDER BY is only supported when the partition key is restricted by an EQ or an IN."));
    }
    let mut direction = None;
    let mut next = 0;
    let mut sort = Vec::with_capacity(select.order_by.len());
    for ordering in &select.order_by {
        let descending = match &ordering.kind {
            OrderingKind::Ascending => false,
            OrderingKind::Descending => true,
            OrderingKind::NearestTo(_) => return Err(unsupported("ORDER BY ... ANN OF")),
        };
        let column = info.find(&ordering.column)?;
        let ColumnKind::Clustering { position, reversed } = info.column(column).kind else {
            return Err(invalid(format!(
                "Order by is currently only supported on the clustered columns of the PRIMARY KEY, got {}",
                ordering.column
            )));
        };
        // Columns that have one value may be left out.
        while next < position && info.clustering.get(next).is_some_and(|c| restrictions.equal_columns.contains(c)) {
            next += 1;
        }
        if next != position {
            return Err(invalid(
                "Order by currently only supports the ordering of columns following their declared order in the \
                 PRIMARY KEY",
            ));
        }
        next += 1;
        let against = descending != reversed;
        if direction.is_some_and(|earlier| earlier != against) {
            return Err(invalid("Unsupported order by relation"));
        }
        direction = Some(against);
        sort.push(SortColumn { column, descending });
    }
    if !restrictions.has_partition_in() {
        sort.clear();
    }
    Ok((direction.unwrap_or(false), sort))
}

fn limit_term(terms: &mut Terms<'_>, term: Option<&ast::Term>, name: &str) -> Result<Option<Term>, CqlError> {
    let Some(term) = term else { return Ok(None) };
    Ok(Some(terms.prepare(term, &Receiver::new(name, CqlType::Int))?))
}
