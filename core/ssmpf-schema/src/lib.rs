//! What `ssmpf` says to machines, as types: exit codes, error documents, connections and
//! events.
//!
//! Two programs share these types, `ssmpf` itself and its Nushell plugin, so that both sides of the
//! contract are checked by the compiler. Rules that hold for every document:
//!
//! - it has a field `schema` with the value [`SCHEMA`];
//! - times are RFC 3339 text, durations are seconds, sizes are bytes;
//! - what is not known is `null`, never left out;
//! - fields may be added without a new schema, so readers ignore what they do not know.
//!
//! Absent here: rendering, the network, and any dependence but serde.

mod catalogue;
mod discovery;
mod error;
mod event;
mod exit;
#[cfg(feature = "json-schema")]
mod json_schema;
mod profiles;
mod status;

pub use catalogue::{
    ConnectionDocument, ConnectionRecord, DatabaseRecord, DoneDocument, ImportSummary, Imported,
    LeftOut, Listing, PickedDocument, RecipientsDocument, RemovedDocument, RenderingDocument,
    StoreContents, StoreDocument,
};
pub use discovery::{
    EcsRecord, EndpointRecord, EndpointsDocument, FailureDocument, PlaceFailure, PlaceRecord,
    SessionRecord, SessionsDocument, TargetKind, TargetRecord, TargetsDocument,
};
pub use error::{ErrorBody, ErrorDocument, ErrorKind};
pub use event::{Detail, Event, SessionMode};
pub use exit::ExitCode;
#[cfg(feature = "json-schema")]
pub use json_schema::json_schema;
pub use profiles::{
    FileProblem, ProfileKind, ProfileListing, ProfileRecord, SignInDocument, SignInRecord,
    SignInState,
};
pub use status::{DownDocument, ForwardState, ForwardStatus, Problem, StatusDocument};

/// The value of the field `schema` in every document and event of this generation.
pub const SCHEMA: &str = "ssmpf/1";
