//! The select clause: its selectors resolved, and the columns of the result.

use starling_cql_lite::ast::{self, ArithmeticOperator, SelectorKind, TermKind};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::aggregate::AggregateKind;
use super::arithmetic;
use super::cell_metadata::{CellMetadata, MetadataKind};
use super::composite::element_receiver;
use super::element_selector::{Pick, element_types};
use super::errors::{invalid, unsupported};
use super::function;
use super::json_insert::json_name;
use super::selector::{Aggregate, ArithmeticSelector, Selector};
use super::selector_type::{element_type_list, literal_elements, natural_type, takes_type};
use super::term::{Term, Terms, assignable, check_argument, constant_type, parse_type};
use super::variables::Receiver;

/// Most columns of a selection clause: each is evaluated for every row, and a row cannot be left half done.
const SELECTORS_MAX: usize = 10_000;

/// A column of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultColumn {
    /// Its title: the alias, else what was selected.
    pub name: String,
    /// Its type.
    pub cql_type: CqlType,
}

/// A select clause.
#[derive(Clone, Debug, Default)]
pub(crate) struct SelectClause {
    /// One for each column of the result.
    pub selectors: Vec<Selector>,
    /// Columns of the result.
    pub columns: Vec<ResultColumn>,
    /// Aggregates that the selectors refer to.
    pub aggregates: Vec<Aggregate>,
    /// Terms that the selectors refer to.
    pub constants: Vec<Term>,
}

struct Typed {
    selector: Selector,
    cql_type: CqlType,
    name: String,
}

impl SelectClause {
    /// Resolves a select clause.
    pub fn prepare(terms: &mut Terms<'_>, selection: &ast::Selection) -> Result<SelectClause, CqlError> {
        let mut clause = SelectClause::default();
        match selection {
            ast::Selection::All => {
                for &index in &terms.info.select_order {
                    let column = terms.info.column(index);
                    terms.variables.weigh(&column.cql_type)?;
                    clause.selectors.push(Selector::Column(index));
                    clause.columns.push(ResultColumn { name: column.name.clone(), cql_type: column.cql_type.clone() });
                }
            }
            ast::Selection::Selectors(selectors) => {
                if selectors.len() > SELECTORS_MAX {
                    return Err(invalid(format!("More than {SELECTORS_MAX} columns in a selection clause")));
                }
                for aliased in selectors {
                    let typed = clause.selector(terms, &aliased.selector, None, false)?;
                    let name = aliased.alias.as_ref().map_or(typed.name, |alias| alias.name.clone());
                    clause.selectors.push(typed.selector);
                    clause.columns.push(ResultColumn { name, cql_type: typed.cql_type });
                }
            }
        }
        Ok(clause)
    }

    /// SELECT JSON: one column with all values as a document.
    pub fn into_json(self) -> SelectClause {
        let named = self.columns.into_iter().zip(self.selectors);
        let members = named.map(|(column, selector)| (json_name(&column.name), column.cql_type, selector)).collect();
        SelectClause {
            selectors: vec![Selector::Json(members)],
            columns: vec![ResultColumn { name: "[json]".to_owned(), cql_type: CqlType::Text }],
            ..self
        }
    }

    /// The columns that the selectors and aggregates read.
    pub fn read_columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        for selector in &self.selectors {
            selector.collect_columns(&mut columns);
        }
        for aggregate in &self.aggregates {
            if let Some(argument) = &aggregate.argument {
                argument.collect_columns(&mut columns);
            }
        }
        columns
    }

    /// A selector that makes no column: what rows are grouped by.
    pub fn group_selector(&mut self, terms: &mut Terms<'_>, selector: &ast::Selector) -> Result<Selector, CqlError> {
        Ok(self.selector(terms, selector, None, true)?.selector)
    }

    fn selector(
        &mut self,
        terms: &mut Terms<'_>,
        selector: &ast::Selector,
        wanted: Option<&CqlType>,
        in_aggregate: bool,
    ) -> Result<Typed, CqlError> {
        let typed = self.typed(terms, selector, wanted, in_aggregate)?;
        terms.variables.weigh(&typed.cql_type)?;
        Ok(typed)
    }

    fn typed(
        &mut self,
        terms: &mut Terms<'_>,
        selector: &ast::Selector,
        wanted: Option<&CqlType>,
        in_aggregate: bool,
    ) -> Result<Typed, CqlError> {
        match &selector.kind {
            SelectorKind::Column(name) => {
                let index = terms.info.find(name)?;
                let column = terms.info.column(index);
                let cql_type = column.cql_type.clone();
                Ok(Typed { selector: Selector::Column(index), cql_type, name: column.name.clone() })
            }
            SelectorKind::Term(term) => self.term(terms, term, wanted),
            SelectorKind::CountAll => {
                let slot = self.aggregate(AggregateKind::Count, None, CqlType::Int, in_aggregate)?;
                Ok(Typed { selector: slot, cql_type: CqlType::BigInt, name: "count".to_owned() })
            }
            SelectorKind::WriteTime(inner) => self.metadata(terms, inner, MetadataKind::WriteTime),
            SelectorKind::MaxWriteTime(inner) => self.metadata(terms, inner, MetadataKind::MaxWriteTime),
            SelectorKind::Ttl(inner) => self.metadata(terms, inner, MetadataKind::Ttl),
            SelectorKind::Cast { selector, type_name } => {
                let inner = self.selector(terms, selector, None, in_aggregate)?;
                cast(inner, parse_type(type_name)?)
            }
            SelectorKind::TypeHint { type_name, selector } => {
                let hinted = parse_type(type_name)?;
                let inner = self.selector(terms, selector, Some(&hinted), in_aggregate)?;
                hint(inner, hinted)
            }
            SelectorKind::Function { name, arguments } => self.call(terms, name, arguments, wanted, in_aggregate),
            SelectorKind::Arithmetic { operator, left, right } => {
                self.arithmetic(terms, *operator, left, right, in_aggregate)
            }
            SelectorKind::Negate(inner) => {
                let inner = self.selector(terms, inner, wanted, in_aggregate)?;
                self.negate(inner)
            }
            SelectorKind::Tuple(elements)
                if elements.len() == 1 && !wanted.is_some_and(|ty| matches!(ty.unfrozen(), CqlType::Tuple(_))) =>
            {
                match elements.first() {
                    Some(only) => self.selector(terms, only, wanted, in_aggregate),
                    None => Err(unsupported("Selecting an empty tuple")),
                }
            }
            SelectorKind::Field { .. } => Err(unsupported("Selecting a field of a user-defined type")),
            SelectorKind::Element { base, key } => {
                let base = self.selector(terms, base, None, in_aggregate)?;
                self.element(terms, base, key)
            }
            SelectorKind::Slice { base, from, to } => {
                let base = self.selector(terms, base, None, in_aggregate)?;
                self.slice(terms, base, from.as_deref(), to.as_deref())
            }
            SelectorKind::List(_) | SelectorKind::Set(_) | SelectorKind::Map(_) | SelectorKind::Tuple(_) => {
                self.literal(terms, selector, wanted, in_aggregate)
            }
            SelectorKind::UserType(_) => Err(unsupported("Selecting a literal of a user-defined type")),
        }
    }

    fn element(&mut self, terms: &mut Terms<'_>, base: Typed, key: &ast::Term) -> Result<Typed, CqlError> {
        let (key_type, value_type) = element_types(&base.name, &base.cql_type)?;
        let slot = self.key(terms, &base.name, key, &key_type)?;
        let name = format!("{}[{key}]", base.name);
        let selector = Selector::Pick(Box::new((base.selector, base.cql_type)), Pick::Element(slot));
        Ok(Typed { selector, cql_type: value_type, name })
    }

    fn slice(
        &mut self,
        terms: &mut Terms<'_>,
        base: Typed,
        from: Option<&ast::Term>,
        to: Option<&ast::Term>,
    ) -> Result<Typed, CqlError> {
        let (key_type, _) = element_types(&base.name, &base.cql_type)?;
        let mut slot = |key: Option<&ast::Term>| key.map(|key| self.key(terms, &base.name, key, &key_type)).transpose();
        let pick = Pick::Slice(slot(from)?, slot(to)?);
        let text = |key: Option<&ast::Term>| key.map(ToString::to_string).unwrap_or_default();
        let name = format!("{}[{}..{}]", base.name, text(from), text(to));
        let cql_type = base.cql_type.clone();
        Ok(Typed { selector: Selector::Pick(Box::new((base.selector, base.cql_type)), pick), cql_type, name })
    }

    fn metadata(
        &mut self,
        terms: &mut Terms<'_>,
        inner: &ast::Selector,
        kind: MetadataKind,
    ) -> Result<Typed, CqlError> {
        let constants = &mut self.constants;
        let keep = |term| {
            constants.push(term);
            constants.len() - 1
        };
        let (metadata, cql_type, name) = CellMetadata::prepare(terms, kind, inner, keep)?;
        Ok(Typed { selector: Selector::Metadata(metadata), cql_type, name })
    }

    /// A key of an element that is selected; gives its slot among the constants.
    fn key(
        &mut self,
        terms: &mut Terms<'_>,
        base: &str,
        key: &ast::Term,
        key_type: &CqlType,
    ) -> Result<usize, CqlError> {
        let term = terms.prepare(key, &element_receiver("key", base, key_type))?;
        self.constants.push(term);
        Ok(self.constants.len() - 1)
    }

    /// A literal of a collection, tuple or vector.
    fn literal(
        &mut self,
        terms: &mut Terms<'_>,
        selector: &ast::Selector,
        wanted: Option<&CqlType>,
        in_aggregate: bool,
    ) -> Result<Typed, CqlError> {
        let own = match wanted {
            Some(wanted) => Some(wanted.clone()),
            None => natural_type(terms, selector)?,
        };
        let (elements, [open, close]) = literal_elements(selector);
        let cql_type = own.ok_or_else(|| {
            invalid("Cannot infer type for term in selection clause (try using a cast to force a type)")
        })?;
        let types = element_type_list(&cql_type, elements.len())
            .ok_or_else(|| invalid(format!("Invalid literal in selection clause: it is no {cql_type}")))?;
        let is_map = matches!(cql_type.unfrozen(), CqlType::Map(..));
        let mut selectors = Vec::with_capacity(elements.len());
        let mut name = String::from(open);
        for (position, (element, element_type)) in elements.iter().zip(types).enumerate() {
            let inner = self.selector(terms, element, Some(element_type), in_aggregate)?;
            if !assignable(&inner.cql_type, element_type) {
                return Err(invalid(format!(
                    "Invalid literal in selection clause: value {} is not of type {element_type}",
                    inner.name
                )));
            }
            name.push_str(match position {
                0 => "",
                odd if is_map && odd % 2 == 1 => ": ",
                _ => ", ",
            });
            name.push_str(&inner.name);
            selectors.push(inner.selector);
        }
        name.push(close);
        let selector = Selector::Composite(cql_type.unfrozen().clone(), selectors);
        Ok(Typed { selector, cql_type, name })
    }

    fn negate(&mut self, inner: Typed) -> Result<Typed, CqlError> {
        let cql_type = inner.cql_type;
        let zero = self.constant(Term::Value(arithmetic::zero(&cql_type)?));
        let operation = ArithmeticSelector {
            operator: ArithmeticOperator::Subtract,
            left: (zero, cql_type.clone()),
            right: (inner.selector, cql_type.clone()),
            result: cql_type.clone(),
        };
        Ok(Typed { selector: Selector::Arithmetic(Box::new(operation)), cql_type, name: format!("-{}", inner.name) })
    }

    fn constant(&mut self, term: Term) -> Selector {
        self.constants.push(term);
        Selector::Constant(self.constants.len() - 1)
    }

    fn term(&mut self, terms: &mut Terms<'_>, term: &ast::Term, wanted: Option<&CqlType>) -> Result<Typed, CqlError> {
        let (natural, name) = match &term.kind {
            TermKind::Constant(constant) => {
                let quoted = matches!(constant.kind, ast::ConstantKind::String);
                let name = if quoted { format!("'{}'", constant.text) } else { constant.text.clone() };
                (Some(constant_type(constant)), name)
            }
            TermKind::Null => (None, "null".to_owned()),
            _ => (None, "?".to_owned()),
        };
        let cql_type = wanted.cloned().or(natural).ok_or_else(|| {
            invalid(format!("Cannot infer type for term {name} in selection clause (try using a cast to force a type)"))
        })?;
        let prepared = terms.prepare(term, &Receiver::new("[selection]", cql_type.clone()))?;
        Ok(Typed { selector: self.constant(prepared), cql_type, name })
    }

    fn aggregate(
        &mut self,
        kind: AggregateKind,
        argument: Option<Selector>,
        cql_type: CqlType,
        in_aggregate: bool,
    ) -> Result<Selector, CqlError> {
        if in_aggregate {
            return Err(invalid("aggregate functions cannot be used as arguments of aggregate functions"));
        }
        self.aggregates.push(Aggregate { kind, argument, cql_type });
        Ok(Selector::Aggregate(self.aggregates.len() - 1))
    }

    fn call(
        &mut self,
        terms: &mut Terms<'_>,
        name: &ast::QualifiedName,
        arguments: &[ast::Selector],
        wanted: Option<&CqlType>,
        in_aggregate: bool,
    ) -> Result<Typed, CqlError> {
        let plain = name.name.name.to_ascii_lowercase();
        let is_native = name.keyspace.as_ref().is_none_or(|keyspace| keyspace.name == "system");
        if let Some(kind) = AggregateKind::named(&plain).filter(|_| is_native) {
            let [argument] = arguments else {
                return Err(invalid(format!(
                    "Invalid number of arguments in call to function system.{plain}: 1 required but {} provided",
                    arguments.len()
                )));
            };
            let inner = self.selector(terms, argument, None, true)?;
            let cql_type = kind.result_type(&plain, &inner.cql_type)?;
            let selector = self.aggregate(kind, Some(inner.selector), inner.cql_type, in_aggregate)?;
            return Ok(Typed { selector, cql_type, name: format!("system.{plain}({})", inner.name) });
        }
        // Types first, so that markers and literals among the arguments get the types the function wants.
        let types: Result<Vec<Option<CqlType>>, CqlError> =
            arguments.iter().map(|argument| natural_type(terms, argument)).collect();
        let function = function::resolve(name, &types?, wanted, terms.info)?;
        let mut selectors = Vec::with_capacity(arguments.len());
        let mut names = Vec::with_capacity(arguments.len());
        for (position, argument) in arguments.iter().enumerate() {
            if let SelectorKind::Term(ast::Term { kind: TermKind::Constant(constant), .. }) = &argument.kind {
                check_argument(constant, &function, position)?;
            }
            let inner = self.selector(terms, argument, function.arguments.get(position), in_aggregate)?;
            if !function.accepts(position, &inner.cql_type) {
                return Err(function.wrong_argument(&inner.name, position));
            }
            selectors.push(inner.selector);
            names.push(inner.name);
        }
        let title = format!("system.{}({})", function.name, names.join(", "));
        let cql_type = function.returns.clone();
        Ok(Typed { selector: Selector::Call(function, selectors), cql_type, name: title })
    }

    fn arithmetic(
        &mut self,
        terms: &mut Terms<'_>,
        operator: ArithmeticOperator,
        left: &ast::Selector,
        right: &ast::Selector,
        in_aggregate: bool,
    ) -> Result<Typed, CqlError> {
        // A marker beside something typed takes that type.
        let is_term = |selector: &ast::Selector| matches!(selector.kind, SelectorKind::Term(_));
        let left_type = natural_type(terms, left)?;
        let right_type = natural_type(terms, right)?;
        let for_left = if is_term(left) && !is_term(right) { right_type.as_ref() } else { None };
        let duration = left_type.as_ref().and_then(|left| arithmetic::only_right_type(operator, left));
        let for_right = if is_term(right) && !is_term(left) { duration.as_ref().or(left_type.as_ref()) } else { None };
        let left_wanted = for_left.filter(|wanted| takes_type(left, Some(wanted)));
        let right_wanted = for_right.filter(|wanted| takes_type(right, Some(wanted)));
        for (side, wanted, own) in [(left, left_wanted, &left_type), (right, right_wanted, &right_type)] {
            if wanted.is_none() && own.is_none() && is_term(side) {
                return Err(invalid(format!(
                    "Ambiguous '{}' operation with args {} and {}: use type hint to disambiguate, example '(int) ?'",
                    operator.as_str(),
                    shown(left),
                    shown(right)
                )));
            }
        }
        let a = self.selector(terms, left, left_wanted, in_aggregate)?;
        let b = self.selector(terms, right, right_wanted, in_aggregate)?;
        let sign = operator.as_str();
        let result = arithmetic::result_type(operator, &a.cql_type, &b.cql_type)
            .ok_or_else(|| arithmetic::unknown(operator, &a.name, &b.name))?;
        let name = format!("{} {sign} {}", a.name, b.name);
        let (left, right) = ((a.selector, a.cql_type), (b.selector, b.cql_type));
        let operation = ArithmeticSelector { operator, left, right, result: result.clone() };
        Ok(Typed { selector: Selector::Arithmetic(Box::new(operation)), cql_type: result, name })
    }
}

/// An operand in a message.
fn shown(selector: &ast::Selector) -> String {
    match &selector.kind {
        SelectorKind::Term(term) => term.to_string(),
        SelectorKind::Column(name) => name.to_string(),
        _ => "an expression".to_owned(),
    }
}

fn cast(inner: Typed, to: CqlType) -> Result<Typed, CqlError> {
    let function = function::cast_function(&inner.cql_type, &to)?;
    Ok(Typed {
        name: format!("cast({} as {to})", inner.name),
        selector: Selector::Call(function, vec![inner.selector]),
        cql_type: to,
    })
}

fn hint(inner: Typed, hinted: CqlType) -> Result<Typed, CqlError> {
    if !inner.cql_type.is_same_unfrozen(&hinted) {
        return Err(invalid(format!("Cannot assign value of type {} to {hinted}", inner.cql_type)));
    }
    Ok(Typed { name: format!("({hinted}){}", inner.name), cql_type: hinted, ..inner })
}
