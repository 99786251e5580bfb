//! `ssmpf logout`.

use crate::columns::DONE;
use crate::spec::{COMMON, Output, PLACE, Sample, Spec, Takes, flag};

/// Signs out.
pub static SPEC: Spec = Spec {
    name: "ssmpf logout",
    about: "End sign-ins to IAM Identity Center; with --profile or --sso-session, only that one",
    search: &["sso"],
    words: &["logout"],
    flags: &[
        &[flag("sso-session", Takes::Text, "Sign out of this sso-session only")],
        PLACE,
        COMMON,
    ],
    output: Output::Record { field: None, columns: DONE },
    examples: &[Sample {
        code: "ssmpf logout | get message",
        about: "Sign out everywhere",
        result: None,
    }],
    ..Spec::NEW
};
