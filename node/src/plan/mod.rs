//! Planning: from parsed statements and bound values to mutations and reads, and from replicas' answers to
//! result rows. Pure.
//!
//! [`prepare`] resolves a statement's names against a [`crate::schema::Schema`] once; [`Prepared::bind`] puts
//! values in and gives an [`Operation`]; a read runs through [`ReadProgress`], which says what to read next.

mod aggregate;
mod arithmetic;
mod assignment;
mod attributes;
mod batch;
mod cast;
mod cell_metadata;
mod cells;
mod clustering;
mod collection_function;
mod composite;
mod element_selector;
mod elements;
mod errors;
mod filter;
mod floor;
mod function;
mod grouping;
mod json_insert;
mod json_value;
mod keys;
mod list_state;
mod locate;
mod mask;
mod modification;
mod names;
mod number;
mod operand;
mod operation;
mod output;
mod page;
mod paging;
mod pending;
mod prepared;
mod progress;
mod read;
mod relation;
mod restriction;
mod row;
mod select;
mod selection;
mod selector;
mod selector_type;
mod slices;
mod term;
pub(crate) mod timeuuid;
mod values;
mod variables;
mod write;

pub(crate) use elements::made_up_cells;
pub use names::TableInfo;
pub use operation::{Operation, TableMutation, WriteOperation};
pub use page::Page;
pub use paging::PagingState;
pub use pending::PendingWrite;
pub use prepared::{Prepared, bind_batch, prepare};
pub use progress::ReadProgress;
pub use read::{ReadOperation, ResultMetadata};
pub use selection::ResultColumn;
pub use values::{BindContext, BoundValue, BoundValues};
pub use variables::Variable;
