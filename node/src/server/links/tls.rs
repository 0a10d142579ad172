//! Certificates between nodes: TLS 1.3 with a certificate on both sides, always.
//!
//! For development the authority is made at first use and shared by one user's nodes. Where
//! `server_encryption_options` names files, they replace it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use quinn::congestion::CubicConfig;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use super::authority;
use super::reset::ResetSecret;
use crate::settings::ServerEncryptionOptions;

/// Name that every node's certificate carries: trust comes from the authority, identity from the handshake.
pub const CERTIFICATE_NAME: &str = "starling-node";
/// Application protocol; another version of the links has another name.
const ALPN: &[u8] = b"starling/1";
/// What is sent before the first acknowledgement: ten packets would make a first large answer wait for round trips.
/// Bounds: a packet to half of a usual socket buffer (208 KiB), which would drop the rest.
const INITIAL_WINDOW_BYTES: u64 = 96 << 10;

/// Handshakes that wait to be looked at; more are refused. Bounds: above what a cluster that starts together needs.
const INCOMING_MAX: usize = 256;
/// Bytes of packets kept for one of them, and for all.
const INCOMING_BYTES_MAX: u64 = 64 << 10;
const INCOMING_BYTES_TOTAL_MAX: u64 = 4 << 20;

/// What a node proves itself with, and whom it trusts.
pub struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
    /// Stays the same over restarts.
    reset: ResetSecret,
}

impl Credentials {
    /// From the files that the settings name, else signed by the development authority.
    pub fn load(options: &ServerEncryptionOptions) -> Result<Self> {
        match (&options.certificate, &options.private_key, &options.authority) {
            (Some(certificate), Some(key), Some(authority)) => Self::from_files(certificate, key, authority),
            (None, None, None) => Self::for_development(&authority::default_dir()?),
            _ => bail!("server_encryption_options needs certificate, private_key and authority together"),
        }
    }

    fn from_files(certificate: &Path, key: &Path, authority: &Path) -> Result<Self> {
        let chain = read_certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_file(key).with_context(|| format!("private key {}", key.display()))?;
        let reset = ResetSecret::new(key.secret_der());
        Self::assemble(chain, key, &read_certificates(authority)?, reset)
    }

    /// A fresh certificate under the authority in `dir`, which is made if it does not exist.
    pub fn for_development(dir: &Path) -> Result<Self> {
        let (issuer, secret) =
            authority::open(dir).with_context(|| format!("development authority in {}", dir.display()))?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![CERTIFICATE_NAME.to_string()])?;
        params.distinguished_name.push(DnType::CommonName, CERTIFICATE_NAME);
        let certificate = params.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|e| anyhow::anyhow!("own key: {e}"))?;
        let authorities = read_certificates(&authority::certificate_path(dir))?;
        Self::assemble(vec![certificate.der().clone()], key, &authorities, ResetSecret::new(&secret))
    }

    fn assemble(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        authorities: &[CertificateDer<'static>],
        reset: ResetSecret,
    ) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority.clone()).context("authority certificate")?;
        }
        Ok(Credentials { chain, key, roots: Arc::new(roots), reset })
    }

    /// What makes a restarted node recognise the packets of its earlier life.
    pub(super) fn reset(&self) -> &ResetSecret {
        &self.reset
    }

    /// Both directions of QUIC with these credentials.
    pub fn quic(&self) -> Result<(quinn::ServerConfig, quinn::ClientConfig)> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider.clone()).build()?;
        let mut server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        let mut client = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        let transport = Arc::new(transport()?);
        let mut server =
            quinn::ServerConfig::with_crypto(Arc::new(quinn::crypto::rustls::QuicServerConfig::try_from(server)?));
        server.transport_config(transport.clone());
        server
            .max_incoming(INCOMING_MAX)
            .incoming_buffer_size(INCOMING_BYTES_MAX)
            .incoming_buffer_size_total(INCOMING_BYTES_TOTAL_MAX);
        let mut client = quinn::ClientConfig::new(Arc::new(quinn::crypto::rustls::QuicClientConfig::try_from(client)?));
        client.transport_config(transport);
        Ok((server, client))
    }
}

/// QUIC for a datacentre: the defaults are made for the Internet (an initial round trip of 333 ms).
fn transport() -> Result<quinn::TransportConfig> {
    let mut ack_frequency = quinn::AckFrequencyConfig::default();
    ack_frequency.ack_eliciting_threshold(10u32.into());
    ack_frequency.max_ack_delay(Some(Duration::from_millis(2)));
    let mut congestion = CubicConfig::default();
    congestion.initial_window(INITIAL_WINDOW_BYTES);
    let mut transport = quinn::TransportConfig::default();
    transport
        .initial_rtt(Duration::from_millis(5))
        .max_idle_timeout(Some(Duration::from_secs(6).try_into()?))
        .keep_alive_interval(Some(Duration::from_secs(1)))
        .ack_frequency_config(Some(ack_frequency))
        .congestion_controller_factory(Arc::new(congestion))
        .send_fairness(false)
        .stream_receive_window((8u32 << 20).into())
        .receive_window((16u32 << 20).into())
        .send_window(16 << 20)
        .max_concurrent_bidi_streams(8u32.into())
        .max_concurrent_uni_streams(0u32.into());
    Ok(transport)
}

pub(in crate::server) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .with_context(|| format!("certificate {}", path.display()))?
        .collect::<Result<_, _>>()
        .with_context(|| format!("certificate {}", path.display()))?;
    if certificates.is_empty() {
        bail!("{} holds no certificate", path.display());
    }
    Ok(certificates)
}
