//! kubectl's words.

use ssmpf_model::{Connection, ConnectionName, InvalidInput, Kind};

use super::client::uri;

/// Returns a kubeconfig file for the API server behind a connection.
///
/// The certificate is checked for the cluster's true name. What is not known here, the cluster's name
/// for its tokens and its certificate authority, is left as comments.
pub(super) fn render(
    name: &ConnectionName,
    connection: &Connection,
) -> Result<String, InvalidInput> {
    let host = connection.destination.host.as_ref();
    let (Kind::Kubernetes | Kind::Https, Some(host)) = (&connection.kind, host) else {
        return Err(InvalidInput::new(
            format!("`{name}` does not lead to the API server of a cluster"),
            "set it with `ssmpf edit NAME --kind kubernetes` and the host of its endpoint",
        ));
    };
    let server = uri(connection);
    let mut arguments = vec!["eks", "get-token", "--cluster-name", name.as_str()];
    if let Some(region) = &connection.region {
        arguments.extend(["--region", region.as_str()]);
    }
    if let Some(profile) = &connection.profile {
        arguments.extend(["--profile", profile.as_str()]);
    }
    let arguments: Vec<String> =
        arguments.into_iter().map(|word| format!("          - {}\n", yaml(word))).collect();
    Ok(format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: {name}\n\
         clusters:\n\
         \x20 - name: {name}\n\
         \x20   cluster:\n\
         \x20     server: {server}\n\
         \x20     tls-server-name: {host}\n\
         \x20     # From `aws eks describe-cluster --query cluster.certificateAuthority.data`:\n\
         \x20     # certificate-authority-data: …\n\
         contexts:\n\
         \x20 - name: {name}\n\
         \x20   context:\n\
         \x20     cluster: {name}\n\
         \x20     user: {name}\n\
         users:\n\
         \x20 - name: {name}\n\
         \x20   user:\n\
         \x20     exec:\n\
         \x20       apiVersion: client.authentication.k8s.io/v1beta1\n\
         \x20       command: aws\n\
         \x20       # The name of the cluster, if it is not that of the connection:\n\
         \x20       args:\n{}",
        arguments.concat().trim_end(),
        name = yaml(name.as_str()),
        server = yaml(&server),
        host = yaml(host.as_str()),
    ))
}

/// Returns a text as YAML reads it: quoted as JSON, which YAML contains.
fn yaml(text: &str) -> String {
    // Text always serializes.
    serde_json::to_string(text).unwrap_or_default()
}
