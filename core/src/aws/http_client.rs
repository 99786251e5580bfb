//! The HTTP client of the SDK: TLS is set up when the first `https` request is made, not before.
//!
//! Proxies come from the environment, certificates from [`Trust`]. Requests to `http` endpoints, as
//! emulators have them, never load a certificate.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::OnceCell;

use super::trust::{Trust, TrustError};

/// Time after which an unused connection is closed: calls come in bursts, and then none for an hour.
const IDLE: Duration = Duration::from_secs(20);

/// Returns the HTTP client that every AWS client of this process shares.
pub(super) fn shared(trust: Arc<Trust>) -> SharedHttpClient {
    let plain = Builder::new().build_with_connector_fn(|settings, components| {
        let mut builder =
            Connector::builder().proxy_config(ProxyConfig::from_env()).pool_idle_timeout(IDLE);
        builder.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.build_http()
    });
    SharedHttpClient::new(ByScheme(Arc::new(Inner {
        plain: SharedHttpClient::new(plain),
        tls: OnceCell::new(),
        trust,
    })))
}

/// Sends a request through the plain or the TLS client, whichever its URL asks for.
#[derive(Clone, Debug)]
struct ByScheme(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plain: SharedHttpClient,
    tls: OnceCell<SharedHttpClient>,
    trust: Arc<Trust>,
}

impl Inner {
    async fn tls(&self) -> Result<&SharedHttpClient, TrustError> {
        let build = || async {
            let roots = self.trust.roots().await?;
            let context = TlsContext::builder()
                .with_trust_store(roots.sdk.clone())
                .build()
                .map_err(|error| TrustError::Setup(error.to_string()))?;
            let client = Builder::new().build_with_connector_fn(move |settings, components| {
                let mut builder = Connector::builder()
                    .proxy_config(ProxyConfig::from_env())
                    .pool_idle_timeout(IDLE)
                    .tls_provider(Provider::Rustls(CryptoMode::Ring))
                    .tls_context(context.clone());
                builder.set_connector_settings(settings.cloned());
                if let Some(components) = components {
                    builder.set_sleep_impl(components.sleep_impl());
                }
                builder.build()
            });
            Ok(SharedHttpClient::new(client))
        };
        self.tls.get_or_try_init(build).await
    }
}

impl HttpClient for ByScheme {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(SchemeConnector {
            inner: Arc::clone(&self.0),
            settings: settings.clone(),
            components: components.clone(),
        })
    }
}

#[derive(Debug)]
struct SchemeConnector {
    inner: Arc<Inner>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for SchemeConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().starts_with("http://") {
            let connector = self.inner.plain.http_connector(&self.settings, &self.components);
            return connector.call(request);
        }
        let (settings, components) = (self.settings.clone(), self.components.clone());
        let inner = Arc::clone(&self.inner);
        HttpConnectorFuture::new(async move {
            let client = inner.tls().await;
            let client = client.map_err(|error| ConnectorError::user(error.into()))?;
            client.http_connector(&settings, &components).call(request).await
        })
    }
}
