//! INSERT, UPDATE and DELETE prepared: where they write, and which columns.

use std::sync::Arc;

use starling_cql_lite::ast::{self, DeleteTarget, InsertSource};
use starling_cql_lite::protocol::error::CqlError;

use super::assignment::{Assignment, Change};
use super::attributes::Attributes;
use super::errors::{invalid, unsupported};
use super::json_insert::JsonInsert;
use super::keys::ClusteringLayout;
use super::names::TableInfo;
use super::operand::{Choice, Operand};
use super::relation::{Demand, Relations, Restriction};
use super::restriction::{Purpose, Restrictions};
use super::term::{Term, Terms};
use super::variables::{Receiver, Variables};
use crate::schema::ColumnKind;

/// What a modification does to the rows it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// INSERT: sets columns and marks the row as there.
    Insert,
    /// UPDATE, and DELETE of columns: sets columns.
    Set,
    /// DELETE of rows, ranges or partitions.
    Delete,
}

/// A prepared modification.
#[derive(Clone, Debug)]
pub(crate) struct Modification {
    /// The table.
    pub info: Arc<TableInfo>,
    /// Its clustering columns.
    pub layout: ClusteringLayout,
    /// Where.
    pub restrictions: Restrictions,
    /// What.
    pub action: Action,
    /// What happens to columns, ascending by column id; statics apart.
    pub regular: Vec<Assignment>,
    /// What happens to static columns, ascending by column id.
    pub statics: Vec<Assignment>,
    /// USING.
    pub attributes: Attributes,
    /// INSERT JSON.
    pub json: Option<JsonInsert>,
}

/// Prepares an INSERT.
pub(crate) fn insert(
    info: &Arc<TableInfo>,
    variables: &mut Variables,
    insert: &ast::Insert,
) -> Result<Modification, CqlError> {
    check_writable(info)?;
    if insert.if_not_exists {
        return Err(unsupported("IF NOT EXISTS on INSERT (lightweight transaction)"));
    }
    let mut terms = Terms { info, variables };
    let (json, values) = match &insert.source {
        InsertSource::Values { columns, values } => (None, inserted_values(&mut terms, columns, values)?),
        InsertSource::Json { document, default } => {
            let (json, values) = JsonInsert::prepare(&mut terms, document, *default)?;
            (Some(json), values)
        }
    };
    let mut relations = Relations::default();
    let mut assignments = Vec::new();
    for (index, term) in values {
        match info.column(index).kind {
            ColumnKind::PartitionKey(_) | ColumnKind::Clustering { .. } => {
                let demand = Demand::Choice(Choice::One(Operand::Terms(vec![term])));
                relations.columns.push(Restriction { columns: vec![index], demand });
            }
            ColumnKind::Static | ColumnKind::Regular => assignments.push(Assignment::set(index, term)),
        }
    }
    let attributes = Attributes::prepare(&mut terms, insert.using.timestamp.as_ref(), insert.using.ttl.as_ref())?;
    let modification = build(info, Action::Insert, Purpose::Update, relations, assignments, attributes)?;
    Ok(Modification { json, ..modification })
}

/// Columns and their values in the order given.
fn inserted_values(
    terms: &mut Terms<'_>,
    columns: &[ast::Identifier],
    values: &[ast::Term],
) -> Result<Vec<(usize, Term)>, CqlError> {
    if columns.len() != values.len() {
        return Err(invalid("Unmatched column names/values"));
    }
    let mut inserted: Vec<(usize, Term)> = Vec::with_capacity(columns.len());
    for (name, value) in columns.iter().zip(values) {
        let index = terms.info.find(name)?;
        if inserted.iter().any(|(other, _)| *other == index) {
            return Err(invalid("The column names contains duplicates"));
        }
        let receiver = Receiver::column(terms.info, index);
        inserted.push((index, terms.prepare(value, &receiver)?));
    }
    Ok(inserted)
}

/// Prepares an UPDATE.
pub(crate) fn update(
    info: &Arc<TableInfo>,
    variables: &mut Variables,
    update: &ast::Update,
) -> Result<Modification, CqlError> {
    check_writable(info)?;
    if update.condition.is_some() {
        return Err(unsupported("IF on UPDATE (lightweight transaction)"));
    }
    let mut terms = Terms { info, variables };
    let attributes = Attributes::prepare(&mut terms, update.using.timestamp.as_ref(), update.using.ttl.as_ref())?;
    let mut assignments: Vec<Assignment> = Vec::with_capacity(update.assignments.len());
    for assignment in &update.assignments {
        let index = info.find(&assignment.column)?;
        if is_key(info, index) {
            return Err(invalid(format!("PRIMARY KEY part {} found in SET part", assignment.column)));
        }
        // The parser has refused assignments that do not go together.
        assignments.push(Assignment::prepare(&mut terms, index, &assignment.operation)?);
    }
    let relations = Relations::prepare(&mut terms, &update.relations)?;
    build(info, Action::Set, Purpose::Update, relations, assignments, attributes)
}

/// Prepares a DELETE.
pub(crate) fn delete(
    info: &Arc<TableInfo>,
    variables: &mut Variables,
    delete: &ast::Delete,
) -> Result<Modification, CqlError> {
    check_writable(info)?;
    if delete.condition.is_some() {
        return Err(unsupported("IF on DELETE (lightweight transaction)"));
    }
    let mut terms = Terms { info, variables };
    let mut assignments: Vec<Assignment> = Vec::with_capacity(delete.targets.len());
    for target in &delete.targets {
        let (DeleteTarget::Column(name)
        | DeleteTarget::Element { column: name, .. }
        | DeleteTarget::Field { column: name, .. }) = target;
        let index = info.find(name)?;
        if is_key(info, index) {
            return Err(invalid(format!("Invalid identifier {name} for deletion (should not be a PRIMARY KEY part)")));
        }
        match target {
            DeleteTarget::Column(_) => assignments.push(Assignment { column: index, change: Change::Clear }),
            DeleteTarget::Element { key, .. } => {
                assignments.push(Assignment::prepare_deletion(&mut terms, index, key)?);
            }
            DeleteTarget::Field { .. } => {
                return Err(invalid(format!("Invalid field deletion operation for non-UDT column {name}")));
            }
        }
    }
    let attributes = Attributes::prepare(&mut terms, delete.timestamp.as_ref(), None)?;
    let relations = Relations::prepare(&mut terms, &delete.relations)?;
    let (action, purpose) = match assignments.is_empty() {
        true => (Action::Delete, Purpose::Delete),
        false => (Action::Set, Purpose::DeleteColumns),
    };
    build(info, action, purpose, relations, assignments, attributes)
}

fn build(
    info: &Arc<TableInfo>,
    action: Action,
    purpose: Purpose,
    relations: Relations,
    assignments: Vec<Assignment>,
    attributes: Attributes,
) -> Result<Modification, CqlError> {
    if action == Action::Set {
        check_static_relations(info, purpose, &relations, &assignments)?;
    }
    let restrictions = Restrictions::new(info, relations, purpose)?;
    let (mut statics, mut regular): (Vec<_>, Vec<_>) =
        assignments.into_iter().partition(|assignment| info.column(assignment.column).kind == ColumnKind::Static);
    statics.sort_by_key(|assignment: &Assignment| info.column(assignment.column).id);
    regular.sort_by_key(|assignment: &Assignment| info.column(assignment.column).id);
    let only_static = !statics.is_empty() && regular.is_empty();
    if action != Action::Delete {
        let skipped = only_static && restrictions.clustering_depth == 0;
        let missing = info.clustering.get(restrictions.clustering_depth..).unwrap_or_default();
        if !skipped && !missing.is_empty() {
            return Err(invalid(format!("Some clustering keys are missing: {}", info.names(missing))));
        }
    }
    let layout = ClusteringLayout::new(info);
    Ok(Modification { info: Arc::clone(info), layout, restrictions, action, regular, statics, attributes, json: None })
}

/// What writes static columns alone names no rows.
fn check_static_relations(
    info: &TableInfo,
    purpose: Purpose,
    relations: &Relations,
    assignments: &[Assignment],
) -> Result<(), CqlError> {
    let is_static = |assignment: &Assignment| info.column(assignment.column).kind == ColumnKind::Static;
    let mut restricted = relations.columns.iter().flat_map(|restriction| &restriction.columns);
    if assignments.iter().all(is_static) && restricted.any(|column| info.clustering.contains(column)) {
        let statement = if purpose == Purpose::DeleteColumns { "DELETE" } else { "UPDATE" };
        return Err(invalid(format!(
            "Invalid restrictions on clustering columns since the {statement} statement modifies only static columns"
        )));
    }
    Ok(())
}

fn is_key(info: &TableInfo, index: usize) -> bool {
    matches!(info.column(index).kind, ColumnKind::PartitionKey(_) | ColumnKind::Clustering { .. })
}

/// Refuses tables that only the server writes.
pub(crate) fn check_writable(info: &TableInfo) -> Result<(), CqlError> {
    if info.is_virtual {
        return Err(CqlError::Unauthorized(format!("{} keyspace is not user-modifiable.", info.table.keyspace)));
    }
    Ok(())
}

impl Modification {
    /// Whether it writes static columns and no row.
    pub fn is_static_only(&self) -> bool {
        self.action != Action::Delete && self.restrictions.clustering_depth == 0 && self.layout.len() > 0
    }

    /// Whether it depends on what lists hold, which has to be read before.
    pub fn reads_lists(&self) -> bool {
        self.regular.iter().chain(&self.statics).any(|assignment| assignment.reads_list(&self.info))
    }

    /// Indices of the markers that are the partition key's components, if all of them are plain markers.
    pub fn partition_key_markers(&self) -> Vec<u16> {
        key_markers(&self.restrictions)
    }
}

/// See [`Modification::partition_key_markers`].
pub(crate) fn key_markers(restrictions: &Restrictions) -> Vec<u16> {
    let super::restriction::PartitionRestriction::Keys(choices) = &restrictions.partition else {
        return Vec::new();
    };
    let marker = |choice: &Choice| match choice {
        Choice::One(Operand::Terms(terms)) => match terms.as_slice() {
            [Term::Marker(index, _)] => u16::try_from(*index).ok(),
            _ => None,
        },
        _ => None,
    };
    choices.iter().map(marker).collect::<Option<Vec<u16>>>().unwrap_or_default()
}
