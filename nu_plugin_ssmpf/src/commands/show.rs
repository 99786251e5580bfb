//! `ssmpf show`.

use nu_protocol::Value;

use crate::columns::CONNECTION;
use crate::spec::{COMMON, NAME, Output, Sample, Spec, Takes, flag};

/// One connection, or how another program would open it.
pub static SPEC: Spec = Spec {
    name: "ssmpf show",
    about: "Show a connection, or write it in another program's words",
    words: &["show"],
    arguments: &[NAME],
    flags: &[
        &[flag("as", Takes::Text, "aws-cli, ssh-config, env, uri, jdbc or kubeconfig: as text")],
        COMMON,
    ],
    output: Output::If {
        flag: "as",
        given: &Output::Text { field: "text" },
        otherwise: &Output::Record { field: Some("connection"), columns: CONNECTION },
    },
    examples: &[
        Sample {
            code: "ssmpf show prod-db | get local_port",
            about: "Where a connection listens",
            result: Some(|| Value::test_int(15432)),
        },
        Sample {
            code: "ssmpf ls | where name == prod-db | ssmpf show --as uri | str trim",
            about: "What to give to a client",
            result: None,
        },
    ],
    ..Spec::NEW
};
