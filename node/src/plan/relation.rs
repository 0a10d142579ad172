//! The relations of a WHERE clause with columns and types resolved, grouped by what they restrict.

use starling_cql_lite::ast::{self, InValues, Operator, RelationKind, TermKind};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::errors::{invalid, unsupported};
use super::names::TableInfo;
use super::term::{Term, Terms};
use super::variables::Receiver;
use crate::schema::ColumnKind;

/// One or several values that are compared together: of one column, or of a tuple of columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// One term for each column.
    Terms(Vec<Term>),
    /// A marker for a whole tuple.
    Marker(Term),
}

/// The alternatives of `=` (one) and `IN`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Choice {
    /// `=`
    One(Operand),
    /// `IN (...)`
    Any(Vec<Operand>),
    /// `IN ?`: a marker for the list, bound to a list of values or of tuples.
    List(Term),
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    /// The value.
    pub operand: Operand,
    /// `<=` or `>=`.
    pub inclusive: bool,
}

/// What a relation, or two that belong together, demands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Demand {
    /// Equality with one of these.
    Choice(Choice),
    /// A range with one or two ends.
    Range {
        /// `>` or `>=`.
        lower: Option<End>,
        /// `<` or `<=`.
        upper: Option<End>,
    },
}

/// A restriction of one column or of a tuple of clustering columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Restriction {
    /// The columns, as indices into the table's.
    pub columns: Vec<usize>,
    /// What is demanded of them.
    pub demand: Demand,
}

impl Restriction {
    /// Whether this is `=` on what it restricts.
    pub fn is_equality(&self) -> bool {
        matches!(self.demand, Demand::Choice(Choice::One(_)))
    }

    /// Whether this is a range.
    pub fn is_range(&self) -> bool {
        matches!(self.demand, Demand::Range { .. })
    }
}

/// All restrictions of a WHERE clause.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relations {
    /// Those on columns.
    pub columns: Vec<Restriction>,
    /// That on the partition key's token.
    pub token: Option<Demand>,
}

impl Relations {
    /// Resolves a WHERE clause.
    pub fn prepare(terms: &mut Terms<'_>, relations: &[ast::Relation]) -> Result<Relations, CqlError> {
        let mut all = Relations::default();
        for relation in relations {
            all.add(terms, &relation.kind)?;
        }
        Ok(all)
    }

    fn add(&mut self, terms: &mut Terms<'_>, relation: &RelationKind) -> Result<(), CqlError> {
        let info = terms.info;
        match relation {
            RelationKind::Column {
                column,
                operator,
                value,
            } => {
                let index = info.find(column)?;
                check_operator(info, index, *operator)?;
                if matches!(value.kind, TermKind::Null) {
                    let name = &column.name;
                    return Err(invalid(format!("Invalid null value in condition for column {name}")));
                }
                let operand = Operand::Terms(vec![terms.prepare(value, &Receiver::column(info, index))?]);
                self.merge(info, vec![index], demand(*operator, operand)?)
            }
            RelationKind::In { column, values } => {
                let index = info.find(column)?;
                let receiver = Receiver::column(info, index);
                let choice = choice(terms, values, &[receiver])?;
                self.merge(info, vec![index], Demand::Choice(choice))
            }
            RelationKind::Tuple {
                columns,
                operator,
                value,
            } => {
                let (indices, receivers) = tuple_columns(info, columns)?;
                let operand = tuple_operand(terms, value, &receivers)?;
                self.merge(info, indices, demand(*operator, operand)?)
            }
            RelationKind::TupleIn { columns, values } => {
                let (indices, receivers) = tuple_columns(info, columns)?;
                let choice = choice(terms, values, &receivers)?;
                self.merge(info, indices, Demand::Choice(choice))
            }
            RelationKind::Token {
                columns,
                operator,
                value,
            } => {
                check_token(info, columns)?;
                let receiver = Receiver::new("partition key token", CqlType::BigInt);
                let operand = Operand::Terms(vec![terms.prepare(value, &receiver)?]);
                let demand = demand(*operator, operand)?;
                let name = format!("token({})", info.names(&info.partition_key));
                self.token = Some(match self.token.take() {
                    None => demand,
                    Some(earlier) => combine(&name, earlier, demand)?,
                });
                Ok(())
            }
            RelationKind::IsNotNull { column } => {
                info.find(column)?;
                Err(invalid(format!("Unsupported restriction: {column} IS NOT NULL")))
            }
            RelationKind::Element { column, .. } => {
                info.find(column)?;
                Err(unsupported(format!("Restricting an element of {column}")))
            }
            RelationKind::Expression { index, .. } => {
                Err(invalid(format!("Invalid index expression: no index {index}")))
            }
        }
    }

    fn merge(&mut self, info: &TableInfo, columns: Vec<usize>, demand: Demand) -> Result<(), CqlError> {
        let shares = |other: &&mut Restriction| other.columns.iter().any(|column| columns.contains(column));
        let Some(earlier) = self.columns.iter_mut().find(shares) else {
            self.columns.push(Restriction { columns, demand });
            return Ok(());
        };
        let name = info.names(&columns);
        // Tuples may be of different lengths, as in (a, b) > (1, 2) AND (a) < (5), if they start alike.
        if earlier.columns.first() != columns.first() || !earlier.is_range() || !matches!(demand, Demand::Range { .. })
        {
            return Err(conflict(&name, &earlier.demand, &demand));
        }
        earlier.demand = combine(&name, earlier.demand.clone(), demand)?;
        if columns.len() > earlier.columns.len() {
            earlier.columns = columns;
        }
        Ok(())
    }
}

fn check_operator(info: &TableInfo, index: usize, operator: Operator) -> Result<(), CqlError> {
    let column = info.column(index);
    let name = &column.name;
    match operator {
        Operator::NotEq => Err(invalid(format!("Unsupported \"!=\" relation: {name} != "))),
        Operator::Like => Err(invalid(format!(
            "LIKE restriction is only supported on properly indexed columns. {name} LIKE is not valid."
        ))),
        Operator::Contains | Operator::ContainsKey if column.cql_type.is_collection() => {
            Err(unsupported(format!("{} on column {name}", operator.as_str())))
        }
        Operator::Contains | Operator::ContainsKey => Err(invalid(format!(
            "Cannot use {} on non-collection column {name}",
            operator.as_str()
        ))),
        Operator::Eq => Ok(()),
        _ if matches!(column.cql_type, CqlType::Duration) => {
            Err(invalid("Slice restrictions are not supported on duration columns"))
        }
        _ => Ok(()),
    }
}

fn demand(operator: Operator, operand: Operand) -> Result<Demand, CqlError> {
    let end = |inclusive| {
        Some(End {
            operand: operand.clone(),
            inclusive,
        })
    };
    Ok(match operator {
        Operator::Eq => Demand::Choice(Choice::One(operand)),
        Operator::Gt => Demand::Range {
            lower: end(false),
            upper: None,
        },
        Operator::GtEq => Demand::Range {
            lower: end(true),
            upper: None,
        },
        Operator::Lt => Demand::Range {
            lower: None,
            upper: end(false),
        },
        Operator::LtEq => Demand::Range {
            lower: None,
            upper: end(true),
        },
        other => return Err(invalid(format!("Unsupported operator {} here", other.as_str()))),
    })
}

fn combine(name: &str, earlier: Demand, later: Demand) -> Result<Demand, CqlError> {
    match (earlier, later) {
        (Demand::Range { lower: a, upper: b }, Demand::Range { lower: c, upper: d }) => {
            let twice = |side: &str| {
                invalid(format!(
                    "More than one restriction was found for the {side} bound on {name}"
                ))
            };
            if a.is_some() && c.is_some() {
                return Err(twice("start"));
            }
            if b.is_some() && d.is_some() {
                return Err(twice("end"));
            }
            Ok(Demand::Range {
                lower: a.or(c),
                upper: b.or(d),
            })
        }
        (earlier, later) => Err(conflict(name, &earlier, &later)),
    }
}

fn conflict(name: &str, earlier: &Demand, later: &Demand) -> CqlError {
    let is_in = |demand: &Demand| matches!(demand, Demand::Choice(Choice::Any(_) | Choice::List(_)));
    let is_equal = |demand: &Demand| matches!(demand, Demand::Choice(Choice::One(_)));
    let what = if is_equal(later) || (is_equal(earlier) && !is_in(later)) {
        "an Equal"
    } else {
        "a IN"
    };
    invalid(format!(
        "{name} cannot be restricted by more than one relation if it includes {what}"
    ))
}

fn tuple_columns(info: &TableInfo, names: &[ast::Identifier]) -> Result<(Vec<usize>, Vec<Receiver>), CqlError> {
    let mut indices = Vec::with_capacity(names.len());
    let mut previous = None;
    for name in names {
        let index = info.find(name)?;
        let ColumnKind::Clustering { position, .. } = info.column(index).kind else {
            return Err(invalid(format!(
                "Multi-column relations can only be applied to clustering columns but was applied to: {name}"
            )));
        };
        if indices.contains(&index) {
            return Err(invalid(format!("Column \"{name}\" appeared twice in a relation")));
        }
        if previous.is_some_and(|previous: usize| position != previous + 1) {
            let list: Vec<String> = names.iter().map(ToString::to_string).collect();
            return Err(invalid(format!(
                "Clustering columns must appear in the PRIMARY KEY order in multi-column relations: ({})",
                list.join(", ")
            )));
        }
        previous = Some(position);
        indices.push(index);
    }
    let receivers = indices.iter().map(|&index| Receiver::column(info, index)).collect();
    Ok((indices, receivers))
}

fn tuple_type(receivers: &[Receiver]) -> CqlType {
    CqlType::Tuple(receivers.iter().map(|receiver| receiver.cql_type.clone()).collect())
}

fn tuple_name(receivers: &[Receiver]) -> String {
    let names: Vec<&str> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    format!("({})", names.join(","))
}

fn tuple_operand(terms: &mut Terms<'_>, value: &ast::Term, receivers: &[Receiver]) -> Result<Operand, CqlError> {
    match &value.kind {
        TermKind::Tuple(elements) if elements.len() == receivers.len() => {
            let prepared: Result<Vec<Term>, CqlError> = elements
                .iter()
                .zip(receivers)
                .map(|(element, receiver)| terms.prepare(element, receiver))
                .collect();
            Ok(Operand::Terms(prepared?))
        }
        TermKind::Tuple(elements) => Err(invalid(format!(
            "Expected {} elements in value tuple, but got {}",
            receivers.len(),
            elements.len()
        ))),
        TermKind::Marker(_) => {
            let receiver = Receiver::new(tuple_name(receivers), tuple_type(receivers));
            Ok(Operand::Marker(terms.prepare(value, &receiver)?))
        }
        _ => Err(invalid(format!("Invalid tuple literal for {}", tuple_name(receivers)))),
    }
}

/// The alternatives of an IN; `receivers` are one column or those of a tuple.
fn choice(terms: &mut Terms<'_>, values: &InValues, receivers: &[Receiver]) -> Result<Choice, CqlError> {
    let single = match receivers {
        [only] => Some(only.clone()),
        _ => None,
    };
    match values {
        InValues::List(list) => {
            let mut any = Vec::with_capacity(list.len());
            for value in list {
                any.push(match &single {
                    Some(receiver) => Operand::Terms(vec![terms.prepare(value, receiver)?]),
                    None => tuple_operand(terms, value, receivers)?,
                });
            }
            Ok(Choice::Any(any))
        }
        InValues::Marker { marker, .. } => {
            let (name, element) = match &single {
                Some(receiver) => (format!("in({})", receiver.name), receiver.cql_type.clone()),
                None => (format!("in{}", tuple_name(receivers)), tuple_type(receivers)),
            };
            let receiver = Receiver::new(name, CqlType::List(Box::new(element)));
            let index = terms.variables.note(marker, terms.info, &receiver)?;
            Ok(Choice::List(Term::Marker(index, receiver.cql_type)))
        }
    }
}

fn check_token(info: &TableInfo, columns: &[ast::Identifier]) -> Result<(), CqlError> {
    let mut indices = Vec::with_capacity(columns.len());
    for column in columns {
        let index = info.find(column)?;
        if !matches!(info.column(index).kind, ColumnKind::PartitionKey(_)) {
            return Err(invalid(
                "The token() function must be applied to all partition key components or none of them",
            ));
        }
        indices.push(index);
    }
    if indices == info.partition_key {
        return Ok(());
    }
    if indices.len() != info.partition_key.len() {
        return Err(invalid(
            "The token() function must be applied to all partition key components or none of them",
        ));
    }
    Err(invalid(format!(
        "The token function arguments must be in the partition key order: {}",
        info.names(&info.partition_key)
    )))
}
