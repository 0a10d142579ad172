//! Contact points as addresses.

use std::net::SocketAddr;

use crate::DriverError;
use crate::options::ContactPoint;

/// The addresses of a contact point: `host`, `host:port`, `[v6]:port` or a plain IPv6 address.
pub(crate) async fn resolve(contact_point: &ContactPoint, port: u16) -> Result<Vec<SocketAddr>, DriverError> {
    let text = contact_point.0.as_str();
    let failed = |reason: String| DriverError::ContactPoint { contact_point: text.to_owned(), reason };
    if let Ok(address) = text.trim_matches(['[', ']']).parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            (host.trim_matches(['[', ']']), port.parse().map_err(|_| failed("no such port".to_owned()))?)
        }
        None => (text, port),
    };
    let found = tokio::net::lookup_host((host, port)).await.map_err(|error| failed(error.to_string()))?;
    Ok(found.collect())
}
