//! Encryption, as async-nats sets it up: the system's authorities, or those of `nats.tls_ca_file` instead.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::dial::Stream;
use crate::source::nats::Tls;

/// Makes of a connection one that is encrypted.
pub(super) async fn encrypt(stream: Box<dyn Stream>, host: &str, tls: &Tls) -> io::Result<Box<dyn Stream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| invalid(&error))?;
    let tls = tls.clone();
    // Files are read, and the system has a hundred certificates.
    let config = tokio::task::spawn_blocking(move || config(&tls)).await??;
    Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
}

fn config(tls: &Tls) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match &tls.ca_file {
        Some(file) => {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| invalid(&error))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            if let Some(error) = found.errors.first() {
                return Err(io::Error::other(format!("could not load platform certs: {error}")));
            }
            roots.add_parsable_certificates(found.certs);
        }
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    match &tls.client {
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("private key", &error))?;
            builder
                .with_client_auth_cert(certificates(certificate)?, key)
                .map_err(|error| unusable("certificate or key", &error))
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    read.map_err(|error| unusable("certificates", &error))
}

fn unusable(what: &str, error: &dyn std::error::Error) -> io::Error {
    io::Error::other(format!("could not load {what}: {error}"))
}

fn invalid(error: &dyn std::error::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}
