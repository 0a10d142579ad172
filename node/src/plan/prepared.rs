//! Prepared statements: names resolved once, values bound many times.

use std::sync::Arc;

use starling_cql_lite::ast::{BatchKind, Identifier, ParsedStatement, Selection, Statement};
use starling_cql_lite::protocol::error::CqlError;

use super::batch::{self, BatchPlan};
use super::errors::invalid;
use super::list_state::ListStates;
use super::modification::{self, Modification, check_writable, key_markers};
use super::names;
use super::operation::Operation;
use super::pending::{self, BoundWrite, PendingWrite};
use super::read::ReadOperation;
use super::select::{self, SelectPlan};
use super::selection::ResultColumn;
use super::values::{BindContext, BoundValue, BoundValues, Entropy};
use super::variables::{Variable, Variables};
use super::write::WriteTimes;
use crate::schema::{Schema, Table};

/// A statement with all names resolved against one schema.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Its bind variables, in order.
    pub variables: Vec<Variable>,
    /// Indices of the variables that make up the partition key, one for each component; empty if not all
    /// components are plain markers.
    pub partition_key_indices: Vec<u16>,
    /// Columns of the result; empty for statements without rows (DESCRIBE's are the executor's).
    pub columns: Vec<ResultColumn>,
    /// The table whose columns variables and result show; `None` for BATCH over several, USE and DDL.
    pub table: Option<Arc<Table>>,
    /// `SELECT *`: its columns are whatever the table has when it is run.
    pub selects_all: bool,
    /// What it takes in memory, about: bytes.
    pub size_bytes: usize,
    plan: Plan,
}

/// What a plan takes for each token of its statement, and for each bind variable or column of the result, at most:
/// bytes, by measurement. A hundred times the text, for the worst of texts.
const TOKEN_BYTES: usize = 96;
const COLUMN_BYTES: usize = 256;
/// What the plan of the shortest statement takes: bytes.
const PLAN_BYTES_MIN: usize = 1 << 10;

#[derive(Clone, Debug)]
enum Plan {
    Modification(Box<Modification>),
    Batch(Box<BatchPlan>),
    Select(Arc<SelectPlan>),
    Use(String),
    Truncate(Arc<Table>, Arc<Statement>),
    Other(Arc<Statement>),
}

/// Resolves a statement. `session`: the keyspace of USE, if any.
///
/// # Errors
/// Invalid for names that do not exist and for what the language does not allow; Unauthorized for writes to
/// system tables.
pub fn prepare(schema: &Schema, session: Option<&str>, parsed: ParsedStatement) -> Result<Prepared, CqlError> {
    let mut variables = Variables::new(parsed.markers.len());
    let selects_all = matches!(&parsed.statement, Statement::Select(select) if select.selection == Selection::All);
    let (plan, table) = match parsed.statement {
        Statement::Select(select) => {
            let info = Arc::new(names::table(schema, session, &select.table)?);
            let plan = select::prepare(&info, &mut variables, &select)?;
            (Plan::Select(Arc::new(plan)), Some(Arc::clone(&info.table)))
        }
        Statement::Insert(insert) => {
            let info = Arc::new(names::table(schema, session, &insert.table)?);
            modification_plan(modification::insert(&info, &mut variables, &insert)?)
        }
        Statement::Update(update) => {
            let info = Arc::new(names::table(schema, session, &update.table)?);
            modification_plan(modification::update(&info, &mut variables, &update)?)
        }
        Statement::Delete(delete) => {
            let info = Arc::new(names::table(schema, session, &delete.table)?);
            modification_plan(modification::delete(&info, &mut variables, &delete)?)
        }
        Statement::Batch(batch) => {
            let plan = batch::prepare(schema, session, &mut variables, &batch)?;
            let first = plan.modifications.first().map(|first| Arc::clone(&first.info.table));
            let same =
                |table: &Arc<Table>| plan.modifications.iter().all(|other| Arc::ptr_eq(&other.info.table, table));
            let table = first.filter(same);
            (Plan::Batch(Box::new(plan)), table)
        }
        Statement::Use(name) => (Plan::Use(existing_keyspace(schema, &name)?), None),
        Statement::Truncate(name) => {
            let info = names::table(schema, session, &name)?;
            check_writable(&info)?;
            let statement = Arc::new(Statement::Truncate(name));
            (Plan::Truncate(Arc::clone(&info.table), statement), Some(info.table))
        }
        other => (Plan::Other(Arc::new(other)), None),
    };
    if matches!(plan, Plan::Other(_)) && !parsed.markers.is_empty() {
        return Err(invalid("Bind variables are not allowed in this statement"));
    }
    let (partition_key_indices, columns) = match &plan {
        Plan::Modification(modification) => (modification.partition_key_markers(), Vec::new()),
        Plan::Batch(batch) if table.is_some() => {
            let first = batch.modifications.first();
            (first.map(Modification::partition_key_markers).unwrap_or_default(), Vec::new())
        }
        Plan::Select(select) => (key_markers(&select.restrictions), select.clause.columns.clone()),
        _ => (Vec::new(), Vec::new()),
    };
    let type_bytes = variables.type_bytes();
    let variables = variables.finish()?;
    // Those that come out of a document are no markers of the statement.
    let are_markers = partition_key_indices.iter().all(|index| usize::from(*index) < variables.len());
    let partition_key_indices = if are_markers { partition_key_indices } else { Vec::new() };
    let shown = (variables.len() + columns.len()) * COLUMN_BYTES;
    let size_bytes = PLAN_BYTES_MIN + parsed.tokens * TOKEN_BYTES + shown + type_bytes;
    Ok(Prepared { variables, partition_key_indices, columns, table, selects_all, size_bytes, plan })
}

fn modification_plan(modification: Modification) -> (Plan, Option<Arc<Table>>) {
    let table = Arc::clone(&modification.info.table);
    (Plan::Modification(Box::new(modification)), Some(table))
}

fn existing_keyspace(schema: &Schema, name: &Identifier) -> Result<String, CqlError> {
    if !schema.keyspaces.contains_key(&name.name) {
        return Err(invalid(format!("Keyspace '{}' does not exist", name.name)));
    }
    Ok(name.name.clone())
}

impl Prepared {
    /// Whether it is a SELECT.
    pub fn is_read(&self) -> bool {
        matches!(self.plan, Plan::Select(_))
    }

    /// Warnings that go with every answer.
    pub fn warnings(&self) -> Vec<String> {
        match &self.plan {
            Plan::Select(select) => select.warnings(),
            _ => Vec::new(),
        }
    }

    /// Whether it is a BATCH.
    pub fn is_batch(&self) -> bool {
        matches!(self.plan, Plan::Batch(_))
    }

    /// Whether it writes: INSERT, UPDATE, DELETE or BATCH.
    pub fn writes(&self) -> bool {
        matches!(self.plan, Plan::Modification(_) | Plan::Batch(_))
    }

    /// Whether a protocol BATCH may hold it: INSERT, UPDATE or DELETE.
    pub fn is_modification(&self) -> bool {
        matches!(self.plan, Plan::Modification(_))
    }

    /// Puts values to its variables.
    ///
    /// # Errors
    /// Invalid for values that do not fit; Protocol for a paging state that is not this statement's.
    pub fn bind(&self, values: BoundValues, context: &BindContext) -> Result<Operation, CqlError> {
        let mut values = values.resolve(&self.variables)?;
        match &self.plan {
            Plan::Modification(modification) => expand_json(std::iter::once(&**modification), &mut values, context)?,
            Plan::Batch(batch) => expand_json(batch.modifications.iter(), &mut values, context)?,
            _ => {}
        }
        let entropy = Entropy::new(context.entropy);
        let environment = context.environment(&values, &entropy);
        Ok(match &self.plan {
            Plan::Modification(modification) if modification.reads_lists() => {
                let write = BoundWrite::Single(modification.clone(), values);
                Operation::ReadThenWrite(Box::new(PendingWrite::new(write, context)?))
            }
            Plan::Modification(modification) => {
                Operation::Write(pending::single(modification, &environment, context, &ListStates::default())?)
            }
            Plan::Batch(batch) if batch.modifications.iter().any(Modification::reads_lists) => {
                let write = BoundWrite::Batch(batch.clone(), values);
                Operation::ReadThenWrite(Box::new(PendingWrite::new(write, context)?))
            }
            Plan::Batch(batch) => {
                let times = WriteTimes::of(context);
                Operation::Write(batch.bind(&environment, times, &ListStates::default())?)
            }
            Plan::Select(select) => Operation::Read(Box::new(ReadOperation::bind(select, &environment, context)?)),
            Plan::Use(keyspace) => Operation::Use(keyspace.clone()),
            Plan::Truncate(table, statement) => {
                Operation::Truncate { table: Arc::clone(table), statement: Arc::clone(statement) }
            }
            Plan::Other(statement) => Operation::Other(Arc::clone(statement)),
        })
    }
}

/// Appends the values that the documents of INSERT JSON hold.
fn expand_json<'a>(
    modifications: impl Iterator<Item = &'a Modification>,
    values: &mut Vec<BoundValue>,
    context: &BindContext,
) -> Result<(), CqlError> {
    for json in modifications.filter_map(|modification| modification.json.as_ref()) {
        let entropy = Entropy::new(context.entropy);
        let more = json.expand(&context.environment(values, &entropy))?;
        values.extend(more);
    }
    Ok(())
}

/// Binds a BATCH message of the protocol: statements that were prepared one by one, each with its values.
///
/// # Errors
/// As [`Prepared::bind`]; Invalid for statements that no batch may hold, and for a logged batch over more
/// than one partition.
pub fn bind_batch(
    kind: BatchKind,
    statements: Vec<(&Prepared, Vec<BoundValue>)>,
    context: &BindContext,
) -> Result<Operation, CqlError> {
    batch::check_kind(kind)?;
    let mut parts = Vec::with_capacity(statements.len());
    for (prepared, values) in statements {
        let Plan::Modification(modification) = &prepared.plan else {
            return Err(invalid("Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed."));
        };
        let mut values = BoundValues::Positional(values).resolve(&prepared.variables)?;
        expand_json(std::iter::once(&**modification), &mut values, context)?;
        parts.push((&**modification, values));
    }
    if parts.iter().any(|(modification, _)| modification.reads_lists()) {
        let parts = parts.into_iter().map(|(modification, values)| (modification.clone(), values)).collect();
        return Ok(Operation::ReadThenWrite(Box::new(PendingWrite::new(BoundWrite::Message(kind, parts), context)?)));
    }
    let parts = parts.iter().map(|(modification, values)| (*modification, values.as_slice()));
    pending::message(kind, parts, context, &ListStates::default()).map(Operation::Write)
}
