//! A certificate authority of one's own, and the server certificate it signs.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// TLS for the emulator's port.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// The authority's certificate, for `AWS_CA_BUNDLE`; removed with the emulator.
    bundle: NamedTempFile,
}

impl Tls {
    /// Makes an authority and a certificate for this machine's loopback names.
    pub(crate) fn new() -> io::Result<Self> {
        let (authority_pem, config) = certificates().map_err(io::Error::other)?;
        let mut bundle =
            tempfile::Builder::new().prefix("ssmpf-emulator-ca-").suffix(".pem").tempfile()?;
        bundle.write_all(authority_pem.as_bytes())?;
        bundle.flush()?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), bundle })
    }

    /// Returns where the authority's certificate is.
    pub(crate) fn bundle(&self) -> &Path {
        self.bundle.path()
    }
}

fn certificates() -> Result<(String, ServerConfig), Box<dyn std::error::Error + Send + Sync>> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params.distinguished_name.push(DnType::CommonName, "ssmpf emulator authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "ssmpf emulator");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;

    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())?;
    Ok((authority.pem(), config))
}
