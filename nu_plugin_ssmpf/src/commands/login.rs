//! `ssmpf login`.

use crate::columns::SIGNED_IN;
use crate::spec::{COMMON, Output, PLACE, Sample, Spec, Takes, flag};

/// Signs in.
pub static SPEC: Spec = Spec {
    name: "ssmpf login",
    about: "Sign in to AWS: IAM Identity Center, a code of a device, or `aws login`",
    more: "Where to sign in is said on stderr. Codes of a second factor are typed on a terminal: \
           `^ssmpf login`.",
    search: &["sso"],
    words: &["login"],
    flags: &[
        &[
            flag("sso-session", Takes::Text, "Sign in to this sso-session of the configuration"),
            flag("device-code", Takes::Nothing, "With a code, in a browser on any machine"),
            flag("no-browser", Takes::Nothing, "Print the address instead of opening a browser"),
        ],
        PLACE,
        COMMON,
    ],
    output: Output::Record { field: None, columns: SIGNED_IN },
    examples: &[Sample {
        code: "ssmpf profiles | where sign_in.state == expired | each {|it| ssmpf login --profile $it.name }",
        about: "Sign in wherever the sign-in has expired",
        result: None,
    }],
    ..Spec::NEW
};
