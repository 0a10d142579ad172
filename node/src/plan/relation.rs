//! The relations of a WHERE clause with columns and types resolved, grouped by what they restrict.

use starling_cql_lite::ast::{self, Operator, RelationKind};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::composite::element_receiver;
use super::errors::invalid;
use super::names::TableInfo;
use super::operand::{Choice, Operand, column_choice, tuple_choice, tuple_columns, tuple_operand};
use super::term::{Term, Terms};
use super::variables::Receiver;
use crate::schema::ColumnKind;

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
    /// A collection has an element.
    Contains(Term),
    /// A map has a key.
    ContainsKey(Term),
    /// A map has this value under this key.
    Entry {
        /// The key.
        key: Term,
        /// The value.
        value: Term,
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

    /// Whether it looks inside of a collection.
    pub fn looks_inside(&self) -> bool {
        matches!(self.demand, Demand::Contains(_) | Demand::ContainsKey(_) | Demand::Entry { .. })
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
            RelationKind::Column { column, operator, value } => {
                let index = info.find(column)?;
                check_operator(info, index, *operator, relation)?;
                if let Operator::Contains | Operator::ContainsKey = operator {
                    return self.contains(terms, index, *operator, value);
                }
                let operand = Operand::Terms(vec![terms.prepare(value, &Receiver::column(info, index))?]);
                self.merge(info, vec![index], demand(*operator, operand)?)
            }
            RelationKind::In { column, values } => {
                let index = info.find(column)?;
                check_open_collection(info, index, "IN")?;
                let receiver = Receiver::column(info, index);
                let choice = column_choice(terms, values, &receiver)?;
                self.merge(info, vec![index], Demand::Choice(choice))
            }
            RelationKind::Tuple { columns, operator, value } => {
                let (indices, receivers) = tuple_columns(info, relation, columns)?;
                let operand = tuple_operand(terms, value, &receivers)?;
                self.merge(info, indices, demand(*operator, operand)?)
            }
            RelationKind::TupleIn { columns, values } => {
                let (indices, receivers) = tuple_columns(info, relation, columns)?;
                let choice = tuple_choice(terms, values, &receivers)?;
                self.merge(info, indices, Demand::Choice(choice))
            }
            RelationKind::Token { columns, operator, value } => {
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
            RelationKind::Element { column, key, operator, value } => {
                let index = info.find(column)?;
                let name = &info.column(index).name;
                let (keys, values) = entry_receivers(info, index, *operator)?;
                let (key, value) = (terms.prepare(key, &keys)?, terms.prepare(value, &values)?);
                self.inside(name, index, Demand::Entry { key, value })
            }
            RelationKind::Expression { index, .. } => {
                Err(invalid(format!("Invalid index expression: no index {index}")))
            }
        }
    }

    fn contains(
        &mut self,
        terms: &mut Terms<'_>,
        index: usize,
        operator: Operator,
        value: &ast::Term,
    ) -> Result<(), CqlError> {
        let name = &terms.info.column(index).name;
        let of_key = operator == Operator::ContainsKey;
        let element = match terms.info.column(index).cql_type.unfrozen() {
            CqlType::Map(key, _) if of_key => key,
            CqlType::List(element) | CqlType::Set(element) | CqlType::Map(_, element) if !of_key => element,
            _ => return Err(invalid(format!("Cannot use CONTAINS KEY on non-map column {name}"))),
        };
        let term = terms.prepare(value, &element_receiver(if of_key { "key" } else { "value" }, name, element))?;
        self.inside(name, index, if of_key { Demand::ContainsKey(term) } else { Demand::Contains(term) })
    }

    /// Any number of them go together, but with nothing else.
    fn inside(&mut self, name: &str, index: usize, demand: Demand) -> Result<(), CqlError> {
        if self.columns.iter().any(|other| other.columns.contains(&index) && !other.looks_inside()) {
            return Err(only_inside(name));
        }
        self.columns.push(Restriction { columns: vec![index], demand });
        Ok(())
    }

    fn merge(&mut self, info: &TableInfo, columns: Vec<usize>, demand: Demand) -> Result<(), CqlError> {
        let shares = |other: &&mut Restriction| other.columns.iter().any(|column| columns.contains(column));
        let Some(earlier) = self.columns.iter_mut().find(shares) else {
            self.columns.push(Restriction { columns, demand });
            return Ok(());
        };
        if earlier.looks_inside() {
            return Err(only_inside(&info.names(&columns)));
        }
        let shared: Vec<usize> = columns.iter().filter(|column| earlier.columns.contains(column)).copied().collect();
        let name = info.names(&shared);
        // Tuples may be of different lengths, as in (a, b) > (1, 2) AND (a) < (5), if they start alike.
        let starts_alike = earlier.columns.first() == columns.first();
        if !starts_alike && earlier.is_range() && matches!(demand, Demand::Range { .. }) {
            // What they share begins with the later of their first columns.
            let first = info.names(shared.get(..1).unwrap_or_default());
            return Err(invalid(format!(
                "Column \"{first}\" cannot be restricted by two inequalities not starting with the same column"
            )));
        }
        earlier.demand = combine(&name, earlier.demand.clone(), demand)?;
        if columns.len() > earlier.columns.len() {
            earlier.columns = columns;
        }
        Ok(())
    }
}

fn check_operator(info: &TableInfo, index: usize, operator: Operator, relation: &RelationKind) -> Result<(), CqlError> {
    let column = info.column(index);
    let name = &column.name;
    match operator {
        Operator::NotEq => Err(invalid(format!("Unsupported \"!=\" relation: {relation}"))),
        Operator::Like => Err(invalid(format!(
            "LIKE restriction is only supported on properly indexed columns. {relation} is not valid."
        ))),
        Operator::Contains if column.cql_type.is_collection() => Ok(()),
        Operator::Contains => Err(invalid(format!("Cannot use CONTAINS on non-collection column {name}"))),
        // Looked at where its receiver is made.
        Operator::ContainsKey => Ok(()),
        _ if column.cql_type.is_multi_cell() => check_open_collection(info, index, operator.as_str()),
        Operator::Eq => Ok(()),
        _ if matches!(column.cql_type, CqlType::Duration) => {
            Err(invalid("Slice restrictions are not supported on duration columns"))
        }
        _ => Ok(()),
    }
}

fn check_open_collection(info: &TableInfo, index: usize, operator: &str) -> Result<(), CqlError> {
    let column = info.column(index);
    if !column.cql_type.is_multi_cell() {
        return Ok(());
    }
    Err(invalid(format!(
        "Collection column '{}' ({}) cannot be restricted by a '{operator}' relation",
        column.name, column.cql_type
    )))
}

fn only_inside(name: &str) -> CqlError {
    invalid(format!(
        "Collection column {name} can only be restricted by CONTAINS, CONTAINS KEY, or map-entry equality if it already \
         restricted by one of those"
    ))
}

/// What receives the key and the value of `m[key] = value`.
fn entry_receivers(info: &TableInfo, index: usize, operator: Operator) -> Result<(Receiver, Receiver), CqlError> {
    let column = info.column(index);
    let name = &column.name;
    let (key, value) = match &column.cql_type {
        CqlType::Map(key, value) => (key, value),
        other => {
            return Err(invalid(match other.unfrozen() {
                CqlType::List(_) => {
                    format!("Indexes on list entries ({name}[index] = value) are not currently supported.")
                }
                CqlType::Map(..) => {
                    format!("Map-entry equality predicates on frozen map column {name} are not supported")
                }
                _ => format!("Column {name} cannot be used as a map"),
            }));
        }
    };
    if operator != Operator::Eq {
        return Err(invalid("Only EQ relations are supported on map entries"));
    }
    Ok((element_receiver("key", name, key), element_receiver("value", name, value)))
}

fn demand(operator: Operator, operand: Operand) -> Result<Demand, CqlError> {
    let end = |inclusive| Some(End { operand: operand.clone(), inclusive });
    Ok(match operator {
        Operator::Eq => Demand::Choice(Choice::One(operand)),
        Operator::Gt => Demand::Range { lower: end(false), upper: None },
        Operator::GtEq => Demand::Range { lower: end(true), upper: None },
        Operator::Lt => Demand::Range { lower: None, upper: end(false) },
        Operator::LtEq => Demand::Range { lower: None, upper: end(true) },
        other => return Err(invalid(format!("Unsupported operator {} here", other.as_str()))),
    })
}

fn combine(name: &str, earlier: Demand, later: Demand) -> Result<Demand, CqlError> {
    // The earlier of two that do not go together is blamed.
    let (a, b) = match earlier {
        Demand::Choice(choice) => {
            let what = match choice {
                Choice::One(_) => "an Equal",
                Choice::Any(_) | Choice::List(_) | Choice::Tuples(_) => "a IN",
            };
            return Err(invalid(format!(
                "{name} cannot be restricted by more than one relation if it includes {what}"
            )));
        }
        Demand::Range { lower, upper } => (lower, upper),
        Demand::Contains(_) | Demand::ContainsKey(_) | Demand::Entry { .. } => return Err(only_inside(name)),
    };
    let Demand::Range { lower: c, upper: d } = later else {
        return Err(invalid(format!(
            "Column \"{name}\" cannot be restricted by both an equality and an inequality relation"
        )));
    };
    let twice = |side: &str| invalid(format!("More than one restriction was found for the {side} bound on {name}"));
    if a.is_some() && c.is_some() {
        return Err(twice("start"));
    }
    if b.is_some() && d.is_some() {
        return Err(twice("end"));
    }
    Ok(Demand::Range { lower: a.or(c), upper: b.or(d) })
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
        return Err(invalid("The token() function must be applied to all partition key components or none of them"));
    }
    Err(invalid(format!(
        "The token function arguments must be in the partition key order: {}",
        info.names(&info.partition_key)
    )))
}
