//! TLS on the clients' port.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use starling_cql_lite::protocol::client::encode_request;
use starling_cql_lite::protocol::frame::Opcode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::super::{Door, encryption};
use super::fixture::{Served, serve, startup};
use crate::assembly::NodeConfig;
use crate::settings::ClientEncryptionOptions;

/// An authority, and a certificate for `localhost` that it has signed, as files.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Files {
        let folder = tempfile::tempdir().expect("a folder");
        let authority_key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key).expect("signed");
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("signed");
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("written");
        write("ca.pem", authority.pem());
        write("node.pem", certificate.pem());
        write("node.key", key.serialize_pem());
        Files { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self) -> ClientEncryptionOptions {
        ClientEncryptionOptions {
            enabled: true,
            certificate: Some(self.path("node.pem")),
            private_key: Some(self.path("node.key")),
            authority: Some(self.path("ca.pem")),
            ..ClientEncryptionOptions::default()
        }
    }

    /// A client that trusts the authority, with a certificate of its own or none.
    fn connector(&self, with_certificate: bool) -> TlsConnector {
        let certificates = |path: &Path| -> Vec<CertificateDer<'static>> {
            CertificateDer::pem_file_iter(path).expect("a file").collect::<Result<_, _>>().expect("certificates")
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(&self.path("ca.pem")));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = if with_certificate {
            let key = PrivateKeyDer::from_pem_file(self.path("node.key")).expect("a key");
            builder.with_client_auth_cert(certificates(&self.path("node.pem")), key).expect("they belong together")
        } else {
            builder.with_no_client_auth()
        };
        TlsConnector::from(Arc::new(config))
    }
}

/// Opens another door of the node.
async fn open(served: &Served, options: &ClientEncryptionOptions) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let tls = encryption::acceptor(options).expect("valid options");
    let door = Door { address, tls, takes_plain: options.optional };
    let server = served.server.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            server.serve(stream, &door);
        }
    });
    address
}

/// STARTUP; the opcode of what answers it.
async fn start(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<u8> {
    let mut frame = BytesMut::new();
    encode_request(&mut frame, 4, 1, false, &startup()).expect("short");
    stream.write_all(&frame).await?;
    let mut header = [0; 9];
    stream.read_exact(&mut header).await?;
    Ok(header[4])
}

async fn start_with_tls(address: SocketAddr, connector: &TlsConnector) -> std::io::Result<u8> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    start(connector.connect(name, stream).await?).await
}

async fn start_plainly(address: SocketAddr) -> std::io::Result<u8> {
    start(TcpStream::connect(address).await?).await
}

const READY: u8 = Opcode::Ready as u8;

#[tokio::test]
async fn a_port_with_tls_takes_nothing_else_unless_it_is_optional() {
    let (served, files) = (serve(NodeConfig::default()).await, Files::new());
    let connector = files.connector(false);
    let strict = open(&served, &files.options()).await;
    assert_eq!(start_with_tls(strict, &connector).await.expect("TLS"), READY);
    assert_ne!(start_plainly(strict).await.ok(), Some(READY));
    let optional = ClientEncryptionOptions { optional: true, ..files.options() };
    let lenient = open(&served, &optional).await;
    assert_eq!(start_with_tls(lenient, &connector).await.expect("TLS"), READY);
    assert_eq!(start_plainly(lenient).await.expect("plain"), READY);
    // A TLS hello on a port without TLS is a version that is not spoken.
    assert!(start_with_tls(served.address, &connector).await.is_err());
}

#[tokio::test]
async fn clients_need_a_certificate_where_they_are_asked_for_one() {
    let (served, files) = (serve(NodeConfig::default()).await, Files::new());
    let options = ClientEncryptionOptions { require_client_auth: true, ..files.options() };
    let address = open(&served, &options).await;
    assert_eq!(start_with_tls(address, &files.connector(true)).await.expect("TLS"), READY);
    assert!(start_with_tls(address, &files.connector(false)).await.is_err());
    let without = ClientEncryptionOptions { authority: None, ..options };
    assert!(encryption::acceptor(&without).is_err(), "nobody could be trusted");
}
