//! Which certificates are trusted: those of the operating system, and the user's own bundle.
//!
//! The AWS CLI reads `AWS_CA_BUNDLE` and the profile's `ca_bundle`; the Rust SDK reads neither. Behind
//! a proxy that inspects TLS both halves of this program need it, so it is read here once and handed
//! to the SDK's HTTP client and to the websocket alike.
//!
//! Loading costs 10 ms on Linux and some 100 ms on macOS, so it happens in the background, at most
//! once, and only when something speaks TLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_smithy_http_client::tls::TrustStore;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::sync::OnceCell;

/// Why no certificate can be checked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TrustError {
    /// The bundle could not be read.
    #[error("the certificate bundle {path} cannot be read: {reason}", path = .path.display())]
    Unreadable {
        /// The bundle.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The bundle has no certificate, or one that is damaged.
    #[error("the certificate bundle {path} is not usable: {reason}", path = .path.display())]
    Invalid {
        /// The bundle.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing to trust.
    #[error("this machine has no trusted root certificates")]
    NoRoots,
    /// The TLS library refused its configuration.
    #[error("TLS could not be set up: {0}")]
    Setup(String),
}

impl TrustError {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            TrustError::Unreadable { .. } | TrustError::Invalid { .. } => {
                "it is named by AWS_CA_BUNDLE or by `ca_bundle` in the profile, and should hold one or \
                 more certificates in PEM form"
            }
            TrustError::NoRoots => {
                "install the package `ca-certificates`, or name a bundle with AWS_CA_BUNDLE"
            }
            TrustError::Setup(_) => "please report this",
        }
    }
}

/// The trusted certificates in the two forms they are needed in.
#[derive(Debug)]
pub struct Roots {
    /// For the websocket: HTTP/1.1 only, no client certificate.
    pub websocket: Arc<ClientConfig>,
    /// For the HTTP client of the SDK.
    pub(super) sdk: TrustStore,
}

/// Loads the trusted certificates when they are first needed.
#[derive(Debug)]
pub struct Trust {
    bundle: Vec<CertificateDer<'static>>,
    roots: OnceCell<Arc<Roots>>,
}

impl Trust {
    /// Reads and checks the bundle at once, if there is one; everything else waits.
    pub async fn with_bundle(path: Option<&Path>) -> Result<Self, TrustError> {
        let bundle = match path {
            Some(path) => read_bundle(path).await?,
            None => Vec::new(),
        };
        Ok(Self { bundle, roots: OnceCell::new() })
    }

    /// Returns the trusted certificates, loading them on the first call.
    pub async fn roots(&self) -> Result<Arc<Roots>, TrustError> {
        /// Those of the system alone: the same for every profile without a bundle of its own.
        static SYSTEM: OnceCell<Arc<Roots>> = OnceCell::const_new();
        let roots = if self.bundle.is_empty() { &SYSTEM } else { &self.roots };
        let load = || async {
            let bundle = self.bundle.clone();
            tokio::task::spawn_blocking(move || load(bundle))
                .await
                .unwrap_or_else(|error| Err(TrustError::Setup(error.to_string())))
        };
        roots.get_or_try_init(load).await.cloned()
    }
}

async fn read_bundle(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let pem = tokio::fs::read(path).await.map_err(|error| TrustError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let invalid = |reason: String| TrustError::Invalid { path: path.to_owned(), reason };
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(error.to_string()))?;
    if certificates.is_empty() {
        return Err(invalid("it contains no certificate".to_owned()));
    }
    Ok(certificates)
}

fn load(bundle: Vec<CertificateDer<'static>>) -> Result<Arc<Roots>, TrustError> {
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "some root certificates could not be loaded");
    }
    let mut store = RootCertStore::empty();
    let mut pem = Vec::new();
    // The SDK panics on a certificate that its TLS library refuses, so only accepted ones go there.
    for certificate in native.certs.into_iter().chain(bundle) {
        match store.add(certificate.clone()) {
            Ok(()) => append_pem(&mut pem, &certificate),
            Err(error) => tracing::debug!(%error, "a root certificate is not usable"),
        }
    }
    if store.is_empty() {
        return Err(TrustError::NoRoots);
    }
    // The provider is named because a process-wide default would panic once two are compiled in.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let websocket = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TrustError::Setup(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Arc::new(Roots {
        websocket: Arc::new(websocket),
        sdk: TrustStore::empty().with_pem_certificate(pem),
    }))
}

fn append_pem(pem: &mut Vec<u8>, certificate: &CertificateDer<'_>) {
    pem.extend_from_slice(b"-----BEGIN CERTIFICATE-----\n");
    pem.extend_from_slice(aws_smithy_types::base64::encode(certificate).as_bytes());
    pem.extend_from_slice(b"\n-----END CERTIFICATE-----\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_bundle_is_named() {
        let error = Trust::with_bundle(Some(Path::new("/nowhere/ca.pem")))
            .await
            .expect_err("it is not there");
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    }

    #[tokio::test]
    async fn a_bundle_without_a_certificate_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "hello").expect("writable");
        let error = Trust::with_bundle(Some(file.path())).await.expect_err("no PEM");
        assert!(error.to_string().contains("contains no certificate"), "{error}");
    }

    #[tokio::test]
    async fn a_damaged_certificate_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let pem = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        std::fs::write(file.path(), pem).expect("writable");
        assert!(matches!(
            Trust::with_bundle(Some(file.path())).await,
            Err(TrustError::Invalid { .. })
        ));
    }
}
