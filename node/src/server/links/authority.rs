//! The development authority: made at first use, shared by one user's nodes.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";

/// Its folder: `$STARLING_DEV_CA`, else `~/.local/share/starling/dev-ca`.
pub fn default_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("STARLING_DEV_CA") {
        return Ok(PathBuf::from(dir));
    }
    let home = std::env::var_os("HOME").context("HOME is not set: set STARLING_DEV_CA")?;
    Ok(PathBuf::from(home).join(".local/share/starling/dev-ca"))
}

/// The authority in `dir`, which is made if it does not exist, and the secret of its key.
pub fn open(dir: &Path) -> Result<(Issuer<'static, KeyPair>, Vec<u8>)> {
    ensure(dir)?;
    let path = dir.join(KEY_FILE);
    let mode = fs::metadata(&path).with_context(|| path.display().to_string())?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!(
            "{} can be read by others (mode {:03o}): chmod 600 it, or remove the folder",
            path.display(),
            mode & 0o777
        );
    }
    let key = KeyPair::from_pem(&fs::read_to_string(&path)?).with_context(|| path.display().to_string())?;
    let secret = key.serialize_der();
    // The authority's certificate is of our own making: its name and use are known.
    Ok((Issuer::new(params()?, key), secret))
}

/// Where the authority's certificate is.
pub fn certificate_path(dir: &Path) -> PathBuf {
    dir.join(CERTIFICATE_FILE)
}

/// Makes the authority in a folder beside and renames it into place: whoever comes second uses the first's.
fn ensure(dir: &Path) -> Result<()> {
    if dir.join(CERTIFICATE_FILE).exists() {
        return Ok(());
    }
    let parent = dir.parent().context("the folder has no parent")?;
    fs::create_dir_all(parent)?;
    let temporary = parent.join(format!(".dev-ca-{}", uuid::Uuid::new_v4()));
    fs::DirBuilder::new().mode(0o700).create(&temporary)?;
    write_authority(&temporary)?;
    // An existing empty folder (made by the user) is replaced; one that holds an authority is not.
    let renamed = fs::rename(&temporary, dir);
    if renamed.is_err() {
        fs::remove_dir_all(&temporary)?;
        if !dir.join(CERTIFICATE_FILE).exists() {
            renamed.context("cannot be put in place")?;
        }
    }
    Ok(())
}

fn write_authority(dir: &Path) -> Result<()> {
    let key = KeyPair::generate()?;
    let certificate = params()?.self_signed(&key)?;
    write_private(&dir.join(KEY_FILE), key.serialize_pem().as_bytes())?;
    write_private(&dir.join(CERTIFICATE_FILE), certificate.pem().as_bytes())
}

fn params() -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Starling development authority");
    Ok(params)
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}
