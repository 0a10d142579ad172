//! From the protocol's requests to the node's: values become slices of the frame that they came in.

use std::sync::Arc;

use bytes::Bytes;
use starling_cql_lite::ast::BatchKind;
use starling_cql_lite::protocol::request as wire;
use starling_cql_lite::protocol::request::{BatchQuery, QueryParameters, Request};

use crate::assembly::client::{BatchStatement, ClientRequest, Descriptions, Parameters};
use crate::plan::{BoundValue, BoundValues};
use crate::time::Stamp;

/// Whether the node answers it, and not the connection itself.
pub fn is_for_node(request: &Request<'_>) -> bool {
    matches!(request, Request::Query { .. } | Request::Prepare { .. } | Request::Execute { .. } | Request::Batch(_))
}

/// The node's form of a request; `None` for those that the connection answers itself. `stamp`: the latest that the client
/// was told; nothing has to be later than it for a PREPARE.
pub fn to_client_request(
    version: u8,
    body: &Bytes,
    stamp: Option<Stamp>,
    request: Request<'_>,
) -> Option<ClientRequest> {
    Some(match request {
        Request::Query { query, parameters: given } => {
            ClientRequest::Query { text: query.to_owned(), parameters: parameters(body, stamp, given) }
        }
        Request::Prepare { query, keyspace } => {
            ClientRequest::Prepare { text: query.to_owned(), keyspace: keyspace.map(Arc::from) }
        }
        Request::Execute { id, result_metadata_id, parameters: given } => ClientRequest::Execute {
            id: body.slice_ref(id),
            metadata_id: (version >= 5).then(|| body.slice_ref(result_metadata_id)),
            parameters: parameters(body, stamp, given),
        },
        Request::Batch(batch) => self::batch(body, stamp, batch),
        Request::Startup(_) | Request::Options | Request::Register(_) | Request::AuthResponse(_) => return None,
    })
}

fn parameters(body: &Bytes, stamp: Option<Stamp>, given: QueryParameters<'_>) -> Parameters {
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
        descriptions: if given.skip_metadata { Descriptions::Omitted } else { Descriptions::Full },
        keyspace: given.keyspace.map(Arc::from),
        now_s: given.now_s.map(i64::from),
        stamp,
    }
}

fn bound(body: &Bytes, value: wire::BoundValue<'_>) -> BoundValue {
    match value {
        wire::BoundValue::Null => BoundValue::Null,
        wire::BoundValue::Unset => BoundValue::Unset,
        wire::BoundValue::Bytes(bytes) => BoundValue::Value(body.slice_ref(bytes)),
    }
}

fn batch(body: &Bytes, stamp: Option<Stamp>, batch: wire::Batch<'_>) -> ClientRequest {
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
        parameters: Parameters {
            consistency: batch.consistency,
            values: BoundValues::NONE,
            page_size: None,
            paging_state: None,
            timestamp_us: batch.timestamp_us,
            descriptions: Descriptions::Full,
            keyspace: batch.keyspace.map(Arc::from),
            now_s: batch.now_s.map(i64::from),
            stamp,
        },
    }
}
