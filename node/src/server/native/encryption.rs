//! TLS for clients, by `client_encryption_options`.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use crate::server::links::tls::read_certificates;
use crate::settings::ClientEncryptionOptions;

/// First byte of a TLS connection: a handshake record. No version of the protocol begins so.
pub(super) const TLS_HANDSHAKE: u8 = 22;

/// What accepts TLS; `None` where it is not enabled.
pub(super) fn acceptor(options: &ClientEncryptionOptions) -> Result<Option<TlsAcceptor>> {
    if !options.enabled {
        return Ok(None);
    }
    let (Some(certificate), Some(key)) = (&options.certificate, &options.private_key) else {
        bail!("client_encryption_options needs certificate and private_key where it is enabled");
    };
    let chain: Vec<CertificateDer<'static>> = read_certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| format!("private key {}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .context("client_encryption_options")?;
    let builder = match (options.require_client_auth, &options.authority) {
        (true, Some(authority)) => {
            let mut roots = RootCertStore::empty();
            for certificate in read_certificates(authority)? {
                roots.add(certificate).context("client_encryption_options: authority")?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
        (true, None) => bail!("client_encryption_options: require_client_auth needs authority"),
        (false, _) => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(chain, key).context("client_encryption_options")?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
