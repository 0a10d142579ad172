//! From bound values to places within a partition: clustering keys and slices.

use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_storage::model::Slice;

use super::keys::ClusteringLayout;
use super::locate::{Use, alternatives, check_product, operand};
use super::names::TableInfo;
use super::operand::Operand;
use super::relation::{Demand, End};
use super::restriction::Restrictions;
use super::slices::{self, Component, Side};
use super::term::Term;
use super::values::Environment;

/// The clustering slices that prefix and range name. `None`: everything; an empty list: nothing.
pub(crate) fn clustering_slices(
    info: &TableInfo,
    layout: &ClusteringLayout,
    restrictions: &Restrictions,
    environment: &Environment<'_>,
) -> Result<Option<Vec<Slice>>, CqlError> {
    if restrictions.clustering_depth == 0 {
        return Ok(None);
    }
    let prefixes = clustering_prefixes(info, layout, restrictions, environment)?;
    let depth: usize = restrictions.prefix.iter().map(|(width, _)| width).sum();
    let Some(Demand::Range { lower, upper }) = &restrictions.range else {
        let complete = depth == layout.len();
        return Ok(Some(prefixes.iter().map(|prefix| slices::point(prefix, complete)).collect()));
    };
    let lower = end_components(info, layout, depth, lower.as_ref(), environment)?;
    let upper = end_components(info, layout, depth, upper.as_ref(), environment)?;
    let mut all = Vec::new();
    for prefix in &prefixes {
        let mut found = vec![slices::point(prefix, false)];
        for (end, side) in [(&lower, Side::Above), (&upper, Side::Below)] {
            if let Some((components, inclusive)) = end {
                let complete = depth + components.len() == layout.len();
                let half = slices::comparison(prefix, components, side, *inclusive, complete);
                found = slices::intersect(&found, &half);
            }
        }
        all.append(&mut found);
    }
    Ok(Some(slices::normalize(all)))
}

/// The composed prefixes that the choices name, ascending, each once.
pub(crate) fn clustering_prefixes(
    info: &TableInfo,
    layout: &ClusteringLayout,
    restrictions: &Restrictions,
    environment: &Environment<'_>,
) -> Result<Vec<Vec<u8>>, CqlError> {
    let mut prefixes: Vec<Vec<u8>> = vec![Vec::new()];
    let mut depth = 0;
    for (width, choice) in &restrictions.prefix {
        let columns = info.clustering.get(depth..depth + width).unwrap_or_default();
        let mut options = Vec::new();
        for values in alternatives(info, columns, choice, environment, Use::Key)? {
            let mut composed = Vec::new();
            for (offset, value) in values.iter().enumerate() {
                composed.extend_from_slice(&layout.component(depth + offset, value)?);
            }
            options.push(composed);
        }
        check_product(prefixes.len(), options.len(), "clustering keys")?;
        prefixes = prefixes
            .iter()
            .flat_map(|prefix| options.iter().map(|option| [prefix.as_slice(), option.as_slice()].concat()))
            .collect();
        depth += width;
    }
    prefixes.sort_unstable();
    prefixes.dedup();
    Ok(prefixes)
}

type EndComponents = Option<(Vec<Component>, bool)>;

fn end_components(
    info: &TableInfo,
    layout: &ClusteringLayout,
    depth: usize,
    end: Option<&End>,
    environment: &Environment<'_>,
) -> Result<EndComponents, CqlError> {
    let Some(end) = end else { return Ok(None) };
    let columns = info.clustering.get(depth..).unwrap_or_default();
    let width = match &end.operand {
        Operand::Terms(terms) => terms.len(),
        Operand::Marker(Term::Marker(_, CqlType::Tuple(types))) => types.len(),
        Operand::Marker(_) => columns.len(),
    };
    let columns = columns.get(..width).unwrap_or(columns);
    let values = operand(info, columns, &end.operand, environment, Use::Key)?;
    let components: Result<Vec<Component>, CqlError> = values
        .iter()
        .enumerate()
        .map(|(offset, value)| {
            let position = depth + offset;
            Ok(Component { composed: layout.component(position, value)?, reversed: layout.is_reversed(position) })
        })
        .collect();
    Ok(Some((components?, end.inclusive)))
}
