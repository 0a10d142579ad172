//! What a WHERE clause comes to: which partitions, which part of them, and what is left to filter.

use starling_cql_lite::protocol::error::CqlError;

use super::errors::{invalid, requires_filtering};
use super::names::TableInfo;
use super::operand::Choice;
use super::relation::{Demand, Relations, Restriction};
use crate::schema::ColumnKind;

/// Which statement a WHERE clause belongs to: each allows other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// SELECT, with whether filtering is allowed.
    Select {
        /// ALLOW FILTERING, or a table that needs no leave.
        filtering: bool,
    },
    /// UPDATE: whole primary keys.
    Update,
    /// DELETE of rows and ranges.
    Delete,
    /// DELETE of columns: whole primary keys.
    DeleteColumns,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Select { .. } => "SELECT",
            Purpose::Update => "UPDATE",
            Purpose::Delete | Purpose::DeleteColumns => "DELETE",
        }
    }
}

/// The partitions that a statement is about.
#[derive(Clone, Debug)]
pub(crate) enum PartitionRestriction {
    /// Those of the product of these choices, one for each component.
    Keys(Vec<Choice>),
    /// Those whose token is in a range.
    Token(Box<Demand>),
    /// All.
    All,
}

/// A resolved WHERE clause.
#[derive(Clone, Debug)]
pub(crate) struct Restrictions {
    /// Which partitions.
    pub partition: PartitionRestriction,
    /// Choices for a prefix of the clustering columns: number of columns and the choice.
    pub prefix: Vec<(usize, Choice)>,
    /// A range of what follows the prefix.
    pub range: Option<Demand>,
    /// Number of clustering columns that prefix and range restrict.
    pub clustering_depth: usize,
    /// What only looking at each row can tell.
    pub filters: Vec<Restriction>,
    /// Columns that are restricted to one value.
    pub equal_columns: Vec<usize>,
}

impl Restrictions {
    /// Sorts out the relations of a statement.
    pub fn new(info: &TableInfo, relations: Relations, purpose: Purpose) -> Result<Restrictions, CqlError> {
        let equal_columns = relations
            .columns
            .iter()
            .filter(|restriction| restriction.is_equality())
            .flat_map(|restriction| restriction.columns.iter().copied())
            .collect();
        let mut sorted = Sorted::new(info, relations.columns);
        let mut filters = Vec::new();
        let partition = partition(info, &mut sorted.partition, relations.token, purpose, &mut filters)?;
        let clustering = clustering(info, sorted.clustering, purpose, &mut filters)?;
        let names: Vec<usize> = sorted.other.iter().flat_map(|other| other.columns.iter().copied()).collect();
        if !names.is_empty() && !matches!(purpose, Purpose::Select { .. }) {
            return Err(invalid(format!("Non PRIMARY KEY columns found in where clause: {} ", info.names(&names))));
        }
        filters.append(&mut sorted.other);
        let scans = !matches!(partition, PartitionRestriction::Keys(_));
        let restrictions = Restrictions {
            partition,
            clustering_depth: clustering.depth,
            prefix: clustering.prefix,
            range: clustering.range,
            filters,
            equal_columns,
        };
        let filters_needed = !restrictions.filters.is_empty() || (scans && restrictions.clustering_depth > 0);
        if filters_needed && purpose == (Purpose::Select { filtering: false }) {
            return Err(requires_filtering());
        }
        Ok(restrictions)
    }

    /// Whether the partition key has an IN.
    pub fn has_partition_in(&self) -> bool {
        match &self.partition {
            PartitionRestriction::Keys(choices) => choices.iter().any(|choice| !matches!(choice, Choice::One(_))),
            _ => false,
        }
    }

    /// Whether whole partitions are named.
    pub fn names_partitions(&self) -> bool {
        matches!(self.partition, PartitionRestriction::Keys(_))
    }
}

struct Sorted {
    partition: Vec<Restriction>,
    clustering: Vec<Restriction>,
    other: Vec<Restriction>,
}

impl Sorted {
    fn new(info: &TableInfo, restrictions: Vec<Restriction>) -> Sorted {
        let mut sorted = Sorted { partition: Vec::new(), clustering: Vec::new(), other: Vec::new() };
        for restriction in restrictions {
            let kind = restriction.columns.first().map(|&index| info.column(index).kind);
            match kind {
                _ if restriction.looks_inside() => sorted.other.push(restriction),
                Some(ColumnKind::PartitionKey(_)) => sorted.partition.push(restriction),
                Some(ColumnKind::Clustering { .. }) => sorted.clustering.push(restriction),
                _ => sorted.other.push(restriction),
            }
        }
        sorted
    }
}

fn partition(
    info: &TableInfo,
    restrictions: &mut Vec<Restriction>,
    token: Option<Demand>,
    purpose: Purpose,
    filters: &mut Vec<Restriction>,
) -> Result<PartitionRestriction, CqlError> {
    let selects = matches!(purpose, Purpose::Select { .. });
    if let Some(token) = token {
        if !selects {
            return Err(invalid(format!(
                "The token function cannot be used in WHERE clauses for {} statements",
                purpose.name()
            )));
        }
        if !restrictions.is_empty() {
            return Err(invalid(format!(
                "Columns \"{}\" cannot be restricted by both a normal relation and a token relation",
                info.names(&info.partition_key)
            )));
        }
        return Ok(PartitionRestriction::Token(Box::new(token)));
    }
    let mut choices = Vec::with_capacity(info.partition_key.len());
    let mut missing = Vec::new();
    for &column in &info.partition_key {
        match restrictions.iter().find(|restriction| restriction.columns.contains(&column)) {
            Some(Restriction { demand: Demand::Choice(choice), .. }) => choices.push(choice.clone()),
            Some(_) => {}
            None => missing.push(column),
        }
    }
    if choices.len() == info.partition_key.len() {
        return Ok(PartitionRestriction::Keys(choices));
    }
    if !selects {
        if !missing.is_empty() {
            return Err(invalid(format!("Some partition key parts are missing: {}", info.names(&missing))));
        }
        return Err(invalid(format!(
            "Only EQ and IN relation are supported on the partition key (unless you use the token() function) for {} \
             statements",
            purpose.name()
        )));
    }
    filters.append(restrictions);
    Ok(PartitionRestriction::All)
}

struct Clustering {
    prefix: Vec<(usize, Choice)>,
    range: Option<Demand>,
    depth: usize,
}

fn clustering(
    info: &TableInfo,
    mut restrictions: Vec<Restriction>,
    purpose: Purpose,
    filters: &mut Vec<Restriction>,
) -> Result<Clustering, CqlError> {
    let mut found = Clustering { prefix: Vec::new(), range: None, depth: 0 };
    while let Some(column) = info.clustering.get(found.depth) {
        let next = restrictions.iter().position(|restriction| restriction.columns.first() == Some(column));
        let Some(restriction) = next.map(|next| restrictions.swap_remove(next)) else {
            break;
        };
        let width = restriction.columns.len();
        found.depth += width;
        match restriction.demand {
            Demand::Choice(choice) => found.prefix.push((width, choice)),
            range => {
                found.range = Some(range);
                break;
            }
        }
    }
    check_clustering_use(info, &found, &restrictions, purpose)?;
    filters.append(&mut restrictions);
    Ok(found)
}

fn check_clustering_use(
    info: &TableInfo,
    found: &Clustering,
    left: &[Restriction],
    purpose: Purpose,
) -> Result<(), CqlError> {
    let whole_keys = matches!(purpose, Purpose::Update | Purpose::DeleteColumns);
    if whole_keys && (found.range.is_some() || left.iter().any(Restriction::is_range)) {
        return Err(invalid(format!(
            "Slice restrictions are not supported on the clustering columns in {} statements",
            purpose.name()
        )));
    }
    if whole_keys {
        let restricted = |column: &usize| left.iter().any(|restriction| restriction.columns.contains(column));
        let missing: Vec<usize> =
            info.clustering.iter().skip(found.depth).filter(|column| !restricted(column)).copied().collect();
        // Statements that only touch static columns name none; their callers look at that.
        if !missing.is_empty() && (found.depth > 0 || !left.is_empty()) {
            return Err(invalid(format!("Some clustering keys are missing: {}", info.names(&missing))));
        }
    }
    if purpose == (Purpose::Select { filtering: true }) {
        return Ok(());
    }
    // The first of those left, in order of the key.
    let first = info
        .clustering
        .iter()
        .find(|column| left.iter().any(|restriction| restriction.columns.first() == Some(*column)));
    let Some(&column) = first else { return Ok(()) };
    let name = &info.column(column).name;
    let previous =
        |depth: usize| info.clustering.get(depth).map(|&index| info.column(index).name.clone()).unwrap_or_default();
    Err(match found.range {
        Some(_) => invalid(format!(
            "Clustering column \"{name}\" cannot be restricted (preceding column \"{}\" is restricted by a non-EQ \
             relation)",
            previous(found.depth - 1)
        )),
        None => invalid(format!(
            "PRIMARY KEY column \"{name}\" cannot be restricted as preceding column \"{}\" is not restricted",
            previous(found.depth)
        )),
    })
}
