//! Stateless resets (RFC 9000, section 10.3): a restarted node tells its peers that their old connections are gone,
//! instead of leaving them to a timeout. For that the key behind their tokens must outlive a process, and its disk: it
//! follows from the node's credentials and its address, which is all that a node whose disk was emptied has left.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::{CryptoError, HmacKey};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::tls13::{Hkdf, OkmBlock};

/// Length of an HMAC-SHA256.
const TAG_BYTES: usize = 32;
/// Between two resets that are sent. Longer: many peers wait for each other to hear of a restart; shorter: whoever sends
/// garbage has more answered, each by less than it sent. Bounds: 0 to quinn's 20 ms.
const RESET_PAUSE: Duration = Duration::from_millis(1);
/// Length of a connection id.
const ID_BYTES: usize = 8;

/// Random connection ids. (quinn's own carry a check by a key of this process, and packets that fail it get no reset.)
struct RandomIds;

impl quinn::ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> quinn::ConnectionId {
        let random = uuid::Uuid::new_v4().into_bytes();
        // The bytes in between hold fixed bits.
        quinn::ConnectionId::new(&random[..6].iter().chain(&random[14..]).copied().collect::<Vec<u8>>())
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// A secret that a node's own keys are derived from.
#[derive(Clone)]
pub struct ResetSecret(Vec<u8>);

struct ResetKey {
    hkdf: &'static dyn Hkdf,
    key: OkmBlock,
}

impl ResetKey {
    fn tag(&self, data: &[u8]) -> [u8; TAG_BYTES] {
        let tag = self.hkdf.hmac_sign(&self.key, data);
        let mut bytes = [0; TAG_BYTES];
        bytes.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        bytes
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.iter_mut().zip(self.tag(data)).for_each(|(to, from)| *to = from);
    }

    fn signature_len(&self) -> usize {
        TAG_BYTES
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let tag = self.tag(data);
        let differing = tag.iter().zip(signature).fold(0, |differing, (a, b)| differing | (a ^ b));
        if signature.len() == TAG_BYTES && differing == 0 { Ok(()) } else { Err(CryptoError) }
    }
}

impl ResetSecret {
    /// From a secret that stays the same over restarts.
    pub fn new(secret: &[u8]) -> Self {
        ResetSecret(secret.to_vec())
    }

    /// The settings of the endpoint at an address; another endpoint of the same secret has another key.
    pub fn endpoint(&self, address: SocketAddr) -> quinn::EndpointConfig {
        let Some(key) = self.key(address) else {
            return quinn::EndpointConfig::default();
        };
        let mut config = quinn::EndpointConfig::new(Arc::new(key));
        config.cid_generator(|| Box::new(RandomIds)).min_reset_interval(RESET_PAUSE);
        config
    }

    fn key(&self, address: SocketAddr) -> Option<ResetKey> {
        // The TLS library's own HMAC, found through one of its suites.
        let hkdf = TLS13_AES_128_GCM_SHA256.tls13()?.hkdf_provider;
        let derived = hkdf.extract_from_secret(None, &self.0);
        let key = derived.expand_block(&[b"starling stateless reset", address.to_string().as_bytes()]);
        Some(ResetKey { hkdf, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_follows_from_secret_and_address() {
        let tag = |secret: &[u8], address: &str| {
            let key = ResetSecret::new(secret).key(address.parse().unwrap()).unwrap();
            key.tag(b"a connection id")
        };
        let before = tag(b"secret", "127.0.0.1:7000");
        assert_eq!(tag(b"secret", "127.0.0.1:7000"), before);
        for (secret, address) in
            [("other", "127.0.0.1:7000"), ("secret", "127.0.0.2:7000"), ("secret", "127.0.0.1:7001")]
        {
            assert_ne!(tag(secret.as_bytes(), address), before, "{secret} {address}");
        }
        let key = ResetSecret::new(b"secret").key("127.0.0.1:7000".parse().unwrap()).unwrap();
        assert!(key.verify(b"a connection id", &before).is_ok());
        assert!(key.verify(b"a connection id", &before[1..]).is_err());
        assert!(key.verify(b"another one", &before).is_err());
    }
}
