//! Bare QUIC endpoints that are not Starling nodes, or not good ones.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use starling_node::message::{Lane, MESSAGE_VERSION};
use starling_node::server::links::authority;
use starling_node::server::links::hello::{self, Greeting};
use starling_node::server::links::tls::CERTIFICATE_NAME;
use starling_ring::HostId;

use crate::endpoint::{ANY_PORT, HANG_GUARD, control};

const ALPN: &[u8] = b"starling/1";

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Credentials of somebody at the other end.
pub struct Stranger {
    identity: Option<Identity>,
}

/// Trusts everybody: a stranger does not care whom it attacks.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

impl Stranger {
    /// With a certificate of the authority in `dir`: a node, but one that may misbehave.
    pub fn of_authority(dir: &Path) -> Stranger {
        let (issuer, _) = authority::open(dir).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![CERTIFICATE_NAME.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let chain =
            vec![certificate.der().clone(), CertificateDer::from_pem_file(authority::certificate_path(dir)).unwrap()];
        Stranger { identity: Some((chain, key)) }
    }

    /// With no certificate.
    pub fn without_certificate() -> Stranger {
        Stranger { identity: None }
    }

    fn transport() -> Arc<quinn::TransportConfig> {
        let mut transport = quinn::TransportConfig::default();
        transport.stream_receive_window((1u32 << 20).into());
        transport.receive_window((1u32 << 20).into());
        Arc::new(transport)
    }

    /// An endpoint that accepts, whoever comes.
    pub fn listen(&self) -> quinn::Endpoint {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (chain, key) = self.identity.as_ref().unwrap();
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.clone(), key.clone_key())
            .unwrap();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
        config.transport_config(Stranger::transport());
        quinn::Endpoint::server(config, ANY_PORT.parse().unwrap()).unwrap()
    }

    /// An endpoint that dials.
    pub fn dialler(&self) -> quinn::Endpoint {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Credulous));
        let mut tls = match &self.identity {
            Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        config.transport_config(Stranger::transport());
        let mut endpoint = quinn::Endpoint::client(ANY_PORT.parse().unwrap()).unwrap();
        endpoint.set_default_client_config(config);
        endpoint
    }
}

/// A greeting of this host.
pub fn greeting(host_id: HostId) -> Greeting {
    Greeting { host_id, generation: 1, cluster_name: "links".into(), cluster_id: None }
}

/// Bytes of a good greeting, then a good frame: what a stranger tries to get through.
pub fn greeting_and_message(host_id: HostId, lane: u8) -> Vec<u8> {
    this_greeting_and_message(&greeting(host_id), lane)
}

/// The same with this greeting.
pub fn this_greeting_and_message(greeting: &Greeting, lane: u8) -> Vec<u8> {
    use starling_node::message::wire;
    let mut bytes = b"STRL".to_vec();
    let body = wire::encode(greeting).unwrap();
    bytes.extend_from_slice(&[MESSAGE_VERSION, lane]);
    bytes.extend_from_slice(&(body.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&body);
    let message = wire::encode(&control(1)).unwrap();
    bytes.extend_from_slice(&(message.len() as u32 + 1).to_le_bytes());
    bytes.push(MESSAGE_VERSION);
    bytes.extend_from_slice(&message);
    bytes
}

/// Dials a node, sends `first` on two lanes at once, and answers why the connection ended; panics if it does not.
pub async fn attack(dialler: &quinn::Endpoint, node: std::net::SocketAddr, first: [Vec<u8>; 2]) -> String {
    let attempt = async {
        let connection = match dialler.connect(node, CERTIFICATE_NAME).unwrap().await {
            Ok(connection) => connection,
            Err(error) => return error.to_string(),
        };
        let mut streams = Vec::new();
        for bytes in first {
            if let Ok((mut send, recv)) = connection.open_bi().await {
                // The node may have hung up already.
                let _ = send.write_all(&bytes).await;
                streams.push((send, recv));
            }
        }
        connection.closed().await.to_string()
    };
    tokio::time::timeout(HANG_GUARD, attempt).await.expect("a refused peer hears of it")
}

/// Accepts one connection, greets as `host_id` on both lanes, then never reads again.
pub async fn greet_and_read_nothing(listener: quinn::Endpoint, host_id: HostId) {
    let connection = listener.accept().await.unwrap().await.unwrap();
    let mut streams = Vec::new();
    for _ in [Lane::Control, Lane::Data] {
        let (mut send, mut recv) = connection.accept_bi().await.unwrap();
        let (lane, _) = hello::read(&mut recv).await.unwrap();
        hello::write(&mut send, lane, &greeting(host_id)).await.unwrap();
        streams.push((send, recv));
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
}
