//! A cluster whose clients have to speak TLS and show a certificate.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::harness::Cluster;

/// The nodes, and what clients need.
pub struct EncryptedCluster {
    pub cluster: Cluster,
    /// The authority of everybody's certificates, PEM.
    pub authority: PathBuf,
    /// A client's certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub private_key: PathBuf,
}

impl EncryptedCluster {
    /// Three nodes with certificates for their addresses.
    pub fn start(name: &str) -> EncryptedCluster {
        let mut cluster = Cluster::new(name);
        let file = |name: &str| cluster.folder().join(name);
        let (authority, certificate, private_key) = (file("clients-ca.pem"), file("client.pem"), file("client.key"));
        let issuer = make_authority(&authority);
        let client = issue(&issuer, "a client", &[]);
        fs::write(&certificate, client.0).unwrap();
        fs::write(&private_key, client.1).unwrap();

        let [a, b, c, _] = cluster.prepare(&[]).address.octets();
        let addresses = [1, 2, 3].map(|node| Ipv4Addr::new(a, b, c, node).to_string());
        let node = issue(&issuer, "a node", &addresses);
        fs::write(file("node.pem"), node.0).unwrap();
        fs::write(file("node.key"), node.1).unwrap();
        let settings = format!(
            "client_encryption_options:\n  enabled: true\n  require_client_auth: true\n  certificate: {}\n  \
             private_key: {}\n  authority: {}\n",
            file("node.pem").display(),
            file("node.key").display(),
            authority.display()
        );
        let config = file("settings.yaml");
        fs::write(&config, settings).unwrap();
        for address in addresses {
            let started = cluster.add(&["--config", config.to_str().unwrap()]).address;
            assert_eq!(started.to_string(), address);
        }
        EncryptedCluster { cluster, authority, certificate, private_key }
    }
}

fn make_authority(path: &std::path::Path) -> Issuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "the authority of a test");
    let key = KeyPair::generate().unwrap();
    fs::write(path, params.self_signed(&key).unwrap().pem()).unwrap();
    Issuer::new(params, key)
}

/// A certificate for these addresses and its key, both PEM.
fn issue(issuer: &Issuer<'_, KeyPair>, name: &str, addresses: &[String]) -> (String, String) {
    let mut params = CertificateParams::new(addresses.to_vec()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    // OpenSSL wants it to find the issuer of a certificate.
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem())
}
