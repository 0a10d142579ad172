//! CQL's types: names, the protocol's type options, and what bytes are a value of each.

mod class;
pub(crate) mod display;
mod native;
mod option;
mod parse;
mod validate;

pub use parse::TypeParseError;

/// How deep types may nest where they come from outside (text, wire); deeper is refused.
pub const MAX_TYPE_DEPTH: usize = 32;

/// A CQL type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CqlType {
    /// `ascii`: bytes below 128.
    Ascii,
    /// `bigint`: 64-bit signed.
    BigInt,
    /// `blob`: any bytes.
    Blob,
    /// `boolean`.
    Boolean,
    /// `counter`: a 64-bit sum of increments.
    Counter,
    /// `date`: days as u32, 1970-01-01 being 2^31.
    Date,
    /// `decimal`: unscaled integer and scale.
    Decimal,
    /// `double`: IEEE 754 binary64.
    Double,
    /// `duration`: months, days, nanoseconds; has no order.
    Duration,
    /// `float`: IEEE 754 binary32.
    Float,
    /// `inet`: an IPv4 or IPv6 address.
    Inet,
    /// `int`: 32-bit signed.
    Int,
    /// `smallint`: 16-bit signed.
    SmallInt,
    /// `text`, also written `varchar`: UTF-8.
    Text,
    /// `time`: nanoseconds since midnight.
    Time,
    /// `timestamp`: milliseconds since 1970.
    Timestamp,
    /// `timeuuid`: a version 1 UUID.
    TimeUuid,
    /// `tinyint`: 8-bit signed.
    TinyInt,
    /// `uuid`.
    Uuid,
    /// `varint`: a signed integer of any size.
    Varint,
    /// `list<T>`.
    List(Box<CqlType>),
    /// `set<T>`.
    Set(Box<CqlType>),
    /// `map<K, V>`.
    Map(Box<CqlType>, Box<CqlType>),
    /// `tuple<...>`.
    Tuple(Vec<CqlType>),
    /// `vector<T, n>`.
    Vector(Box<CqlType>, u16),
    /// A user-defined type.
    Udt {
        /// Keyspace that it belongs to.
        keyspace: String,
        /// Its name.
        name: String,
        /// Fields in order: name and type.
        fields: Vec<(String, CqlType)>,
    },
    /// `frozen<T>`: stored and compared as one value.
    Frozen(Box<CqlType>),
    /// A custom type by the name of its class.
    Custom(String),
}

impl CqlType {
    /// The type without `frozen<>` around it.
    pub fn unfrozen(&self) -> &CqlType {
        let mut ty = self;
        while let CqlType::Frozen(inner) = ty {
            ty = inner;
        }
        ty
    }

    /// Wraps the type in `frozen<>` unless it is already.
    pub fn freeze(self) -> CqlType {
        match self {
            CqlType::Frozen(_) => self,
            other => CqlType::Frozen(Box::new(other)),
        }
    }

    /// Whether values of the two types are the same bytes: the same type, frozen or not.
    pub fn is_same_unfrozen(&self, other: &CqlType) -> bool {
        use CqlType as T;
        match (self.unfrozen(), other.unfrozen()) {
            (T::List(a), T::List(b)) | (T::Set(a), T::Set(b)) => a.is_same_unfrozen(b),
            (T::Map(a, x), T::Map(b, y)) => a.is_same_unfrozen(b) && x.is_same_unfrozen(y),
            (T::Vector(a, n), T::Vector(b, m)) => n == m && a.is_same_unfrozen(b),
            (T::Tuple(a), T::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same_unfrozen(b)),
            (a, b) => a == b,
        }
    }

    /// Number of types that it is made of, itself included: what it takes in memory follows from that.
    pub fn part_count(&self) -> usize {
        use CqlType as T;
        1 + match self {
            T::List(inner) | T::Set(inner) | T::Vector(inner, _) | T::Frozen(inner) => inner.part_count(),
            T::Map(key, value) => key.part_count() + value.part_count(),
            T::Tuple(types) => types.iter().map(T::part_count).sum(),
            T::Udt { fields, .. } => fields.iter().map(|(_, ty)| ty.part_count()).sum(),
            _ => 0,
        }
    }

    /// Whether values have sets or maps in them: clients may send those in any order.
    pub fn has_sorted_parts(&self) -> bool {
        use CqlType as T;
        match self.unfrozen() {
            T::Set(_) | T::Map(..) => true,
            T::List(element) | T::Vector(element, _) => element.has_sorted_parts(),
            T::Tuple(types) => types.iter().any(T::has_sorted_parts),
            T::Udt { fields, .. } => fields.iter().any(|(_, ty)| ty.has_sorted_parts()),
            _ => false,
        }
    }

    /// True for lists, sets and maps, frozen or not.
    pub fn is_collection(&self) -> bool {
        matches!(self.unfrozen(), CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..))
    }

    /// True where a column of this type is many cells: a collection or user-defined type that is not frozen.
    pub fn is_multi_cell(&self) -> bool {
        matches!(self, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..) | CqlType::Udt { .. })
    }

    /// True for the built-in scalar types.
    pub fn is_native(&self) -> bool {
        native::entry(self).is_some()
    }

    /// True for types whose values are numbers.
    pub fn is_numeric(&self) -> bool {
        use CqlType as T;
        matches!(
            self,
            T::BigInt | T::Counter | T::Decimal | T::Double | T::Float | T::Int | T::SmallInt | T::TinyInt | T::Varint
        )
    }

    /// True if the type may be part of a primary key: it has an order and is one cell.
    pub fn is_comparable(&self) -> bool {
        use CqlType as T;
        match self.unfrozen() {
            T::Counter | T::Duration | T::Custom(_) => false,
            T::List(e) | T::Set(e) | T::Vector(e, _) => e.is_comparable(),
            T::Map(k, v) => k.is_comparable() && v.is_comparable(),
            T::Tuple(elements) => elements.iter().all(T::is_comparable),
            T::Udt { fields, .. } => fields.iter().all(|(_, t)| t.is_comparable()),
            _ => true,
        }
    }

    /// Bytes that a value of this type always takes in the ordered encoding (see [`crate::ordered`]);
    /// `None` if it varies.
    pub fn fixed_length(&self) -> Option<usize> {
        use CqlType as T;
        match self.unfrozen() {
            T::Boolean | T::TinyInt => Some(1),
            T::SmallInt => Some(2),
            T::Int | T::Float | T::Date => Some(4),
            T::BigInt | T::Double | T::Timestamp | T::Time => Some(8),
            T::Uuid | T::TimeUuid => Some(16),
            _ => None,
        }
    }

    /// Bytes of an element inside a vector where Cassandra writes it without a length; `None` where each
    /// element is preceded by its length.
    pub(crate) fn vector_element_length(&self) -> Option<usize> {
        use CqlType as T;
        match self.unfrozen() {
            T::Boolean => Some(1),
            T::Int | T::Float => Some(4),
            T::BigInt | T::Double | T::Timestamp => Some(8),
            T::Uuid | T::TimeUuid => Some(16),
            T::Vector(element, dimension) => element.vector_element_length()?.checked_mul(usize::from(*dimension)),
            _ => None,
        }
    }
}
