//! `ssmpf profiles`.

use nu_protocol::Value;

use crate::columns::PROFILE;
use crate::spec::{COMMON, Output, Sample, Spec};

/// AWS profiles.
pub static SPEC: Spec = Spec {
    name: "ssmpf profiles",
    about: "List AWS profiles: what they are, and whether somebody is signed in",
    search: &["accounts", "sso"],
    words: &["profiles"],
    flags: &[COMMON],
    output: Output::Table { field: "profiles", columns: PROFILE },
    examples: &[Sample {
        code: "ssmpf profiles | where kind == static-keys | get name",
        about: "Profiles with keys in a file",
        result: Some(|| Value::test_list(["prod", "staging"].map(Value::test_string).to_vec())),
    }],
    ..Spec::NEW
};
