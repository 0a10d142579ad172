//! Terms: what stands for a value.

use super::{Identifier, Position, QualifiedName, TypeName};

/// A term and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// What it is.
    pub kind: TermKind,
    /// Where it starts.
    pub position: Position,
}

/// The kinds of terms.
#[derive(Clone, Debug, PartialEq)]
pub enum TermKind {
    /// A literal of a scalar type.
    Constant(Constant),
    /// `null`.
    Null,
    /// `?` or `:name`.
    Marker(Marker),
    /// `[a, b]`: a list, or a vector.
    List(Vec<Term>),
    /// `{a, b}`: a set. `{}` is also the empty map; only the type it is meant for tells.
    Set(Vec<Term>),
    /// `{k: v}`: a map with at least one entry.
    Map(Vec<(Term, Term)>),
    /// `{field: v}`: a value of a user-defined type.
    UserType(Vec<(Identifier, Term)>),
    /// `(a, b)`: a tuple. `(a)` is a tuple of one.
    Tuple(Vec<Term>),
    /// `f(a, b)`.
    Function(FunctionCall),
    /// `(type) term`.
    TypeHint {
        /// The type.
        type_name: TypeName,
        /// The term that is to have it.
        term: Box<Term>,
    },
    /// `cast(term AS type)`
    Cast {
        /// What is cast.
        term: Box<Term>,
        /// The type, a native one.
        type_name: TypeName,
    },
    /// `a + b` and the other operations.
    Arithmetic {
        /// The operation.
        operator: ArithmeticOperator,
        /// Left operand.
        left: Box<Term>,
        /// Right operand.
        right: Box<Term>,
    },
    /// `-a`, where `a` is no number literal (`-5` is a constant).
    Negate(Box<Term>),
}

/// A literal of a scalar type, kept as text: what it means depends on the type it is assigned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Which form of literal.
    pub kind: ConstantKind,
    /// String: the contents, with escapes resolved. All others: the text as written, with the minus sign before a
    /// number and the `0x` before a blob.
    pub text: String,
}

/// The forms of scalar literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConstantKind {
    /// `'text'` or `$$text$$`.
    String,
    /// `-12`.
    Integer,
    /// `-1.5e3`, and also `NaN`, `Infinity` and `-Infinity`.
    Float,
    /// `true` or `false` in any case.
    Boolean,
    /// `01234567-89ab-cdef-0123-456789abcdef`.
    Uuid,
    /// `0xcafe`.
    Blob,
    /// `1h30m`, `-2d`, `P1Y2M`, `P2W` or `P0001-02-03T04:05:06`.
    Duration,
}

/// A bind marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Its number in order of occurrence in the statement, from 0.
    pub index: usize,
    /// Its name, of `:name`.
    pub name: Option<String>,
}

/// A call of a function with terms as arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionCall {
    /// The function.
    pub name: QualifiedName,
    /// The arguments.
    pub arguments: Vec<Term>,
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

impl ArithmeticOperator {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}
