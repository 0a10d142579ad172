//! From the protocol's requests to the node's: values become slices of the frame that they came in.

use bytes::Bytes;
use starling_cql_lite::ast::BatchKind;
use starling_cql_lite::protocol::request as wire;
use starling_cql_lite::protocol::request::{BatchQuery, QueryParameters, Request};

use crate::assembly::client::{BatchStatement, ClientRequest, Parameters};
use crate::plan::{BoundValue, BoundValues};

/// The node's form of a request; `None` for those that the connection answers itself.
pub fn to_client_request(body: &Bytes, request: Request<'_>) -> Option<ClientRequest> {
    Some(match request {
        Request::Query { query, parameters: given } => {
            ClientRequest::Query { text: query.to_owned(), parameters: parameters(body, given) }
        }
        Request::Prepare { query, .. } => ClientRequest::Prepare { text: query.to_owned() },
        Request::Execute { id, parameters: given, .. } => {
            ClientRequest::Execute { id: body.slice_ref(id), parameters: parameters(body, given) }
        }
        Request::Batch(batch) => self::batch(body, batch),
        Request::Startup(_) | Request::Options | Request::Register(_) | Request::AuthResponse(_) => return None,
    })
}

fn parameters(body: &Bytes, given: QueryParameters<'_>) -> Parameters {
    let values = given.values.into_iter().map(|value| bound(body, value));
    let values = if given.names.is_empty() {
        BoundValues::Positional(values.collect())
    } else {
        BoundValues::Named(given.names.into_iter().map(str::to_owned).zip(values).collect())
    };
    Parameters {
        consistency: given.consistency,
        values,
        page_size: given.page_size.and_then(|size| u32::try_from(size).ok()),
        paging_state: given.paging_state.map(|state| body.slice_ref(state)),
        timestamp_us: given.timestamp_us,
        skip_metadata: given.skip_metadata,
    }
}

fn bound(body: &Bytes, value: wire::BoundValue<'_>) -> BoundValue {
    match value {
        wire::BoundValue::Null => BoundValue::Null,
        wire::BoundValue::Unset => BoundValue::Unset,
        wire::BoundValue::Bytes(bytes) => BoundValue::Value(body.slice_ref(bytes)),
    }
}

fn batch(body: &Bytes, batch: wire::Batch<'_>) -> ClientRequest {
    let kind = match batch.kind {
        wire::BatchKind::Logged => BatchKind::Logged,
        wire::BatchKind::Unlogged => BatchKind::Unlogged,
        wire::BatchKind::Counter => BatchKind::Counter,
    };
    let statements = batch.statements.into_iter().map(|part| {
        let statement = match part.query {
            BatchQuery::Text(text) => BatchStatement::Text(text.to_owned()),
            BatchQuery::Prepared(id) => BatchStatement::Prepared(body.slice_ref(id)),
        };
        (statement, part.values.into_iter().map(|value| bound(body, value)).collect())
    });
    ClientRequest::Batch {
        kind,
        statements: statements.collect(),
        consistency: batch.consistency,
        timestamp_us: batch.timestamp_us,
    }
}
