//! Certificates that a test makes for itself.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority of a test's own. Its files, and those of what it has signed, are gone with it.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its private key, as PEM files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Authority {
    /// Makes an authority of this name.
    ///
    /// # Panics
    ///
    /// When that fails.
    #[must_use]
    #[track_caller]
    pub fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = new_key();
        let certificate = params.self_signed(&key).unwrap_or_else(|error| panic!("no authority: {error}"));
        write(&folder.path().join("ca.pem"), &certificate.pem());
        Self { issuer: Issuer::new(params, key), folder }
    }

    /// The authority's own certificate, for those who are to trust it.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for a server at 127.0.0.1.
    #[must_use]
    #[track_caller]
    pub fn server(&self) -> Certificate {
        self.sign("server", &["127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a server of this name.
    #[must_use]
    #[track_caller]
    pub fn server_named(&self, host: &str) -> Certificate {
        self.sign(host, &[host], ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client.
    #[must_use]
    #[track_caller]
    pub fn client(&self) -> Certificate {
        self.sign("client", &[], ExtendedKeyUsagePurpose::ClientAuth)
    }

    #[track_caller]
    fn sign(&self, name: &str, hosts: &[&str], usage: ExtendedKeyUsagePurpose) -> Certificate {
        let mut params = named(name, hosts);
        params.extended_key_usages = vec![usage];
        let key = new_key();
        let signed = params.signed_by(&key, &self.issuer).unwrap_or_else(|error| panic!("no certificate: {error}"));
        let [certificate, private] = ["pem", "key"].map(|kind| self.folder.path().join(format!("{name}.{kind}")));
        write(&certificate, &signed.pem());
        write(&private, &key.serialize_pem());
        Certificate { certificate, key: private }
    }
}

#[track_caller]
fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap_or_else(|error| panic!("no name for {name}: {error}"));
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

#[track_caller]
fn new_key() -> KeyPair {
    KeyPair::generate().unwrap_or_else(|error| panic!("no key: {error}"))
}

#[track_caller]
fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
