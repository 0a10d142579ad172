//! Stateless resets (RFC 9000, section 10.3): a restarted node tells its peers that their old connections are gone,
//! instead of leaving them to a timeout. For that the key behind their tokens must outlive a process.

use std::sync::Arc;

use quinn::crypto::{CryptoError, HmacKey};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::tls13::{Hkdf, OkmBlock};
use starling_ring::HostId;

/// Length of an HMAC-SHA256.
const TAG_BYTES: usize = 32;
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

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
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

    /// The endpoint's settings for one node.
    pub fn endpoint(&self, host_id: HostId) -> quinn::EndpointConfig {
        // The TLS library's own HMAC, found through one of its suites.
        let Some(suite) = TLS13_AES_128_GCM_SHA256.tls13() else {
            return quinn::EndpointConfig::default();
        };
        let hkdf = suite.hkdf_provider;
        let derived = hkdf.extract_from_secret(None, &self.0);
        let key = derived.expand_block(&[b"starling stateless reset", host_id.0.as_bytes()]);
        let mut config = quinn::EndpointConfig::new(Arc::new(ResetKey { hkdf, key }));
        config.cid_generator(|| Box::new(RandomIds));
        config
    }
}
