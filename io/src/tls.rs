//! Whose cryptography TLS is done with.

use rustls::crypto::ring;

/// Has all TLS of this process use ring. rustls chooses by itself only while a single provider is linked, and panics at the first
/// connection otherwise; which are linked is up to the features of every crate beneath us.
pub(crate) fn use_ring() {
    // It fails where a provider is installed already, which is then used.
    let _ = ring::default_provider().install_default();
}
