//! Prepared statements and batches.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use starling_cql_lite::value::Value;
use starling_ring::Token;

use crate::DriverError;
use starling_cql_lite::protocol::client::PreparedStatement as Prepared;
use starling_cql_lite::protocol::request::BatchKind;
use starling_cql_lite::protocol::{BoundValue, ColumnSpec as Column};

/// What the server said about a prepared statement. It may say something else after the table was altered.
#[derive(Clone, Debug)]
pub(crate) struct Preparation {
    pub id: Bytes,
    pub variables: Arc<[Column]>,
    /// Which variables make up the partition key, in its order; empty if some are not variables.
    pub partition_key: Arc<[u16]>,
    pub columns: Arc<[Column]>,
}

#[derive(Debug)]
struct Inner {
    cql: String,
    is_read: bool,
    preparation: RwLock<Preparation>,
}

/// A statement that the servers know by an id. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PreparedStatement {
    inner: Arc<Inner>,
}

impl PreparedStatement {
    pub(crate) fn new(cql: &str, preparation: Preparation) -> PreparedStatement {
        let inner = Inner { cql: cql.to_owned(), is_read: is_read(cql), preparation: RwLock::new(preparation) };
        PreparedStatement { inner: Arc::new(inner) }
    }

    /// The statement's text.
    pub fn cql(&self) -> &str {
        &self.inner.cql
    }

    /// The bind variables, in their order.
    pub fn variables(&self) -> Arc<[Column]> {
        self.preparation().variables
    }

    /// The columns of its result as of when it was prepared; none if it gives no rows.
    pub fn columns(&self) -> Arc<[Column]> {
        self.preparation().columns
    }

    pub(crate) fn is_read(&self) -> bool {
        self.inner.is_read
    }

    pub(crate) fn preparation(&self) -> Preparation {
        self.inner.preparation.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_preparation(&self, preparation: Preparation) {
        *self.inner.preparation.write().unwrap_or_else(PoisonError::into_inner) = preparation;
    }
}

/// Whether a statement only reads, so that it may be sent twice.
pub(crate) fn is_read(cql: &str) -> bool {
    let word = cql.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    ["SELECT", "DESCRIBE", "DESC", "USE"].iter().any(|read| word.eq_ignore_ascii_case(read))
}

/// A value on its way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Bytes(Bytes),
    Null,
    Unset,
}

impl Bound {
    /// As the codec takes it.
    pub fn as_wire(&self) -> BoundValue<'_> {
        match self {
            Bound::Bytes(bytes) => BoundValue::Bytes(bytes),
            Bound::Null => BoundValue::Null,
            Bound::Unset => BoundValue::Unset,
        }
    }
}

impl From<Prepared> for Preparation {
    fn from(prepared: Prepared) -> Self {
        Preparation {
            id: prepared.id,
            variables: prepared.variables.into(),
            partition_key: prepared.partition_key_indices.into(),
            columns: prepared.result.columns.unwrap_or_default().into(),
        }
    }
}

impl Preparation {
    /// The values as the variables' types.
    pub fn bind(&self, values: &[Value]) -> Result<Vec<Bound>, DriverError> {
        if values.len() != self.variables.len() {
            return Err(DriverError::ValueCount { expected: self.variables.len(), given: values.len() });
        }
        let bound = values.iter().zip(self.variables.iter()).map(|(value, variable)| match value {
            Value::Unset => Ok(Bound::Unset),
            value => Ok(value.encode(&variable.cql_type)?.map_or(Bound::Null, Bound::Bytes)),
        });
        bound.collect()
    }

    /// The keyspace and the token of the partition that the values name, if they name one.
    pub fn route(&self, bound: &[Bound]) -> Option<(&str, Token)> {
        let first = self.variables.get(usize::from(*self.partition_key.first()?))?;
        let components = self.partition_key.iter().map(|index| match bound.get(usize::from(*index)) {
            Some(Bound::Bytes(bytes)) => Some(bytes),
            _ => None,
        });
        let components: Vec<&Bytes> = components.collect::<Option<_>>()?;
        Some((first.keyspace.as_str(), Token::from_key(&partition_key(&components)?)))
    }
}

/// The bytes whose hash is the partition's token: a single component as it is; several each with their length before
/// and a zero after.
fn partition_key(components: &[&Bytes]) -> Option<Bytes> {
    if let [component] = components {
        return Some((*component).clone());
    }
    let mut key = Vec::new();
    for component in components {
        key.extend_from_slice(&u16::try_from(component.len()).ok()?.to_be_bytes());
        key.extend_from_slice(component);
        key.push(0);
    }
    Some(key.into())
}

/// What a batch holds: text or prepared, with its values.
#[derive(Clone, Debug)]
pub(crate) enum BatchItem {
    Text(String),
    Prepared(PreparedStatement, Vec<Value>),
}

/// Several writes in one request.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(crate) kind: BatchKind,
    pub(crate) items: Vec<BatchItem>,
}

impl Batch {
    /// An empty batch.
    pub fn new(kind: BatchKind) -> Batch {
        Batch { kind, items: Vec::new() }
    }

    /// Adds a statement without values.
    pub fn push(&mut self, cql: impl Into<String>) -> &mut Self {
        self.items.push(BatchItem::Text(cql.into()));
        self
    }

    /// Adds a prepared statement.
    pub fn push_prepared(&mut self, statement: &PreparedStatement, values: &[Value]) -> &mut Self {
        self.items.push(BatchItem::Prepared(statement.clone(), values.to_vec()));
        self
    }

    /// How many statements there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use starling_cql_lite::types::CqlType;

    use super::*;

    fn preparation(types: &[CqlType], partition_key: &[u16]) -> Preparation {
        let column = |cql_type: &CqlType| Column {
            keyspace: "ks".to_owned(),
            table: "t".to_owned(),
            name: "c".to_owned(),
            cql_type: cql_type.clone(),
        };
        Preparation {
            id: Bytes::new(),
            variables: types.iter().map(column).collect(),
            partition_key: partition_key.into(),
            columns: Arc::default(),
        }
    }

    #[test]
    fn values_are_bound_by_type() {
        let preparation = preparation(&[CqlType::Int, CqlType::Text, CqlType::BigInt], &[]);
        let bound = preparation.bind(&[Value::BigInt(7), Value::Null, Value::Unset]).unwrap();
        assert_eq!(bound, [Bound::Bytes(Bytes::from_static(&[0, 0, 0, 7])), Bound::Null, Bound::Unset]);
        assert!(matches!(preparation.bind(&[]), Err(DriverError::ValueCount { expected: 3, given: 0 })));
        let wrong = preparation.bind(&[Value::Text("x".into()), Value::Null, Value::Null]);
        assert!(matches!(wrong, Err(DriverError::Value(_))));
    }

    #[test]
    fn the_route_is_the_token_of_the_partition_key() {
        let text = |text: &'static str| Bound::Bytes(Bytes::from_static(text.as_bytes()));
        let single = preparation(&[CqlType::Int, CqlType::Text], &[1]);
        assert_eq!(single.route(&[Bound::Null, text("a")]), Some(("ks", Token(-8839064797231613815))));
        assert_eq!(single.route(&[Bound::Null, Bound::Null]), None);
        let double = preparation(&[CqlType::Text, CqlType::Text], &[1, 0]);
        let expected = Token::from_key(b"\x00\x01b\x00\x00\x02aa\x00");
        assert_eq!(double.route(&[text("aa"), text("b")]), Some(("ks", expected)));
        assert_eq!(preparation(&[CqlType::Text], &[]).route(&[text("a")]), None);
    }

    #[test]
    fn reads_are_told_from_writes() {
        assert!(is_read(" select * from t") && is_read("SELECT(1)") && is_read("DESC TABLES"));
        assert!(!is_read("INSERT INTO t") && !is_read("") && !is_read("selects"));
    }
}
