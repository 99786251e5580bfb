//! The two XML protocols: a form in, XML out. EC2 has a dialect of its own.

use hyper::StatusCode;
use std::collections::BTreeMap;
use uuid::Uuid;

use super::ApiError;
use crate::sigv4;

/// How a service writes its answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Protocol {
    /// EC2's own.
    Ec2,
    /// What the others speak, with their namespace.
    Query(&'static str),
}

impl Protocol {
    /// Wraps the content of an answer.
    pub(super) fn success(self, operation: &str, content: &str) -> String {
        let id = Uuid::new_v4();
        match self {
            Protocol::Ec2 => format!(
                "<{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
                 <requestId>{id}</requestId>{content}</{operation}Response>"
            ),
            Protocol::Query(namespace) => format!(
                "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{content}\
                 </{operation}Result><ResponseMetadata><RequestId>{id}</RequestId>\
                 </ResponseMetadata></{operation}Response>"
            ),
        }
    }

    /// Writes an error, under the name that these services have for it.
    pub(super) fn failure(self, error: &ApiError) -> (StatusCode, String) {
        let id = Uuid::new_v4();
        let is_ec2 = matches!(self, Protocol::Ec2);
        let code = match (error.code.as_str(), is_ec2) {
            ("UnrecognizedClientException", true) => "AuthFailure",
            ("UnrecognizedClientException", false) => "InvalidClientTokenId",
            ("InvalidSignatureException", true) => "AuthFailure",
            ("InvalidSignatureException", false) => "SignatureDoesNotMatch",
            ("ExpiredTokenException", true) => "RequestExpired",
            ("ExpiredTokenException", false) => "ExpiredToken",
            ("AccessDeniedException", true) => "UnauthorizedOperation",
            ("AccessDeniedException", false) => "AccessDenied",
            ("ThrottlingException", true) => "RequestLimitExceeded",
            ("ThrottlingException", false) => "Throttling",
            (other, _) => other,
        };
        let status = match code {
            "RequestLimitExceeded" => StatusCode::SERVICE_UNAVAILABLE,
            "InternalServerError" | "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "UnauthorizedOperation" | "AccessDenied" => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        let inner = element("Code", code) + &element("Message", &error.message);
        let body = match self {
            Protocol::Ec2 => format!(
                "<Response><Errors><Error>{inner}</Error></Errors><RequestID>{id}</RequestID>\
                 </Response>"
            ),
            Protocol::Query(namespace) => format!(
                "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>Sender</Type>{inner}</Error>\
                 <RequestId>{id}</RequestId></ErrorResponse>"
            ),
        };
        (status, body)
    }
}

/// A form, decoded.
#[derive(Debug, Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a body; what is no form has no fields.
    pub(super) fn parse(body: &[u8]) -> Self {
        let text = std::str::from_utf8(body).unwrap_or_default();
        let decode = |text: &str| String::from_utf8(sigv4::decode(text, true)).ok();
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.filter_map(|(key, value)| Some((decode(key)?, decode(value)?))).collect())
    }

    /// Returns a field.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Returns the fields `PREFIX.1`, `PREFIX.2` and so on.
    pub(super) fn list(&self, prefix: &str) -> Vec<&str> {
        (1..).map_while(|number| self.get(&format!("{prefix}.{number}"))).collect()
    }

    /// Returns the filters as name and values.
    pub(super) fn filters(&self) -> Vec<(&str, Vec<&str>)> {
        let name = |number: u32| Some((number, self.get(&format!("Filter.{number}.Name"))?));
        let names = (1..).map_while(name);
        names.map(|(number, name)| (name, self.list(&format!("Filter.{number}.Value")))).collect()
    }

    /// Returns how many entries a page may have.
    pub(super) fn page_size(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, ApiError> {
        let Some(text) = self.get(key) else { return Ok(*range.end()) };
        text.parse().ok().filter(|size| range.contains(size)).ok_or_else(|| {
            let text = format!("Value {text} for {key} is not between the allowed limits.");
            ApiError::new("InvalidParameterValue", text)
        })
    }
}

/// Returns an element with a text.
pub(super) fn element(name: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<{name}>{text}</{name}>")
}

/// Returns an element with other elements in it.
pub(super) fn wrap(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}
