//! Bound SELECTs: which partitions to read, how many rows, and what to do with them.

use std::sync::Arc;

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_ring::Token;
use starling_storage::model::{ReadTarget, Slice};

use super::clustering;
use super::errors::invalid;
use super::filter::Filter;
use super::locate;
use super::names::TableInfo;
use super::paging::{self, PagingState};
use super::restriction::PartitionRestriction;
use super::select::SelectPlan;
use super::selection::ResultColumn;
use super::term::Term;
use super::values::{BindContext, Environment, TermValue};

/// A SELECT that is ready to run; [`super::progress::ReadProgress`] runs it.
#[derive(Clone, Debug)]
pub struct ReadOperation {
    pub(crate) plan: Arc<SelectPlan>,
    /// What to walk, in order.
    pub(crate) targets: Vec<ReadTarget>,
    /// Clustering slices; empty: all.
    pub(crate) slices: Vec<Slice>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) constants: Vec<Option<Bytes>>,
    pub(crate) limit: Option<u32>,
    pub(crate) per_partition_limit: Option<u32>,
    /// `None`: the client does not page.
    pub(crate) page_size: Option<u32>,
    pub(crate) resume: Option<PagingState>,
    pub(crate) now_s: i64,
    pub(crate) now_us: i64,
    pub(crate) entropy: u128,
}

/// Descriptions of the columns of a SELECT's result. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ResultMetadata(Arc<SelectPlan>);

impl ResultMetadata {
    /// The table that is read.
    pub fn table(&self) -> &Arc<crate::schema::Table> {
        &self.0.info.table
    }

    /// The columns of the result.
    pub fn columns(&self) -> &[ResultColumn] {
        &self.0.clause.columns
    }

    /// What clients are warned of.
    pub fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }
}

impl ReadOperation {
    /// The table that is read.
    pub fn table(&self) -> &Arc<crate::schema::Table> {
        &self.plan.info.table
    }

    /// Descriptions of the result's columns, which outlive the read.
    pub fn metadata(&self) -> ResultMetadata {
        ResultMetadata(self.plan.clone())
    }

    /// Whether it is a system table, made up from the node's state.
    pub fn is_virtual(&self) -> bool {
        self.plan.info.is_virtual
    }

    /// The columns of the result.
    pub fn columns(&self) -> &[ResultColumn] {
        &self.plan.clause.columns
    }

    /// Whether it walks token ranges rather than named partitions.
    pub fn is_scan(&self) -> bool {
        self.targets.iter().any(|target| matches!(target, ReadTarget::TokenRange { .. }))
    }

    /// Whether it reads one partition and no more.
    pub fn is_single_partition(&self) -> bool {
        matches!(self.targets[..], [ReadTarget::Partition { .. }])
    }

    /// Binds a prepared SELECT.
    pub(crate) fn bind(
        plan: &Arc<SelectPlan>,
        environment: &Environment<'_>,
        context: &BindContext,
    ) -> Result<ReadOperation, CqlError> {
        let info = &plan.info;
        let restrictions = &plan.restrictions;
        let limit = limit(plan.limit.as_ref(), environment, "LIMIT")?;
        let per_partition_limit = limit_or_distinct(plan, environment)?;
        let page_size = context.page_size.filter(|&rows| rows > 0 && rows <= i32::MAX as u32);
        let sorts_pages = !plan.sort.is_empty() && page_size.is_some_and(|page| limit.is_none_or(|limit| limit > page));
        if sorts_pages {
            return Err(invalid(
                "Cannot page queries with both ORDER BY and a IN restriction on the partition key; you must either \
                 remove the ORDER BY or the IN and sort client side, or disable paging for this query",
            ));
        }
        let mut targets = targets(info, &restrictions.partition, environment)?;
        let slices = match clustering::clustering_slices(info, &plan.layout, restrictions, environment)? {
            None => Vec::new(),
            // Slices that hold nothing: nothing to read.
            Some(slices) if slices.is_empty() => {
                targets.clear();
                slices
            }
            Some(slices) => slices,
        };
        let filters: Result<Vec<Filter>, CqlError> =
            restrictions.filters.iter().map(|filter| Filter::bind(info, filter, environment)).collect();
        let constants: Result<Vec<Option<Bytes>>, CqlError> =
            plan.clause.constants.iter().map(|term| term.evaluate_optional(environment)).collect();
        let resume = match context.paging_state.as_deref() {
            Some(bytes) => Some(check_resume(PagingState::decode(bytes, info.table.table)?, &targets, limit)?),
            None => None,
        };
        Ok(ReadOperation {
            plan: Arc::clone(plan),
            targets,
            slices,
            filters: filters?,
            constants: constants?,
            limit,
            per_partition_limit,
            page_size,
            resume,
            now_s: context.now_s,
            now_us: context.now_us,
            entropy: context.entropy,
        })
    }
}

fn targets(
    info: &TableInfo,
    restriction: &PartitionRestriction,
    environment: &Environment<'_>,
) -> Result<Vec<ReadTarget>, CqlError> {
    Ok(match restriction {
        PartitionRestriction::Keys(choices) => locate::partition_keys(info, choices, environment)?
            .into_iter()
            .map(|key| ReadTarget::Partition { token: Token::from_key(&key), key })
            .collect(),
        PartitionRestriction::Token(demand) => locate::token_range(demand, environment)?.into_iter().collect(),
        PartitionRestriction::All => vec![ReadTarget::TokenRange { start: Token::MIN, end: Token::MAX }],
    })
}

fn limit_or_distinct(plan: &SelectPlan, environment: &Environment<'_>) -> Result<Option<u32>, CqlError> {
    if plan.distinct {
        return Ok(Some(1));
    }
    limit(plan.per_partition_limit.as_ref(), environment, "PER PARTITION LIMIT")
}

fn limit(term: Option<&Term>, environment: &Environment<'_>, name: &str) -> Result<Option<u32>, CqlError> {
    let Some(term) = term else { return Ok(None) };
    match term.evaluate(environment)? {
        TermValue::Unset => Ok(None),
        TermValue::Null => Err(invalid("Invalid null value of limit")),
        TermValue::Value(bytes) => {
            let bytes = <[u8; 4]>::try_from(&bytes[..]).map_err(|_| invalid(format!("Invalid {name} value")))?;
            let value = i32::from_be_bytes(bytes);
            match u32::try_from(value) {
                Ok(value) if value > 0 => Ok(Some(value)),
                _ => Err(invalid(format!("{name} must be strictly positive"))),
            }
        }
    }
}

/// A paging state must point into what this statement reads.
fn check_resume(state: PagingState, targets: &[ReadTarget], limit: Option<u32>) -> Result<PagingState, CqlError> {
    let inside = match targets.get(state.target as usize) {
        Some(ReadTarget::Partition { token, key }) => *token == state.position.token && *key == state.position.key,
        Some(ReadTarget::TokenRange { start, end }) => {
            (*start < state.position.token || *start == Token::MIN) && state.position.token <= *end
        }
        None => false,
    };
    let limited = match (state.limit_left, limit) {
        (Some(left), Some(limit)) => left <= limit,
        (None, None) => true,
        _ => false,
    };
    if inside && limited { Ok(state) } else { Err(paging::invalid_state()) }
}
