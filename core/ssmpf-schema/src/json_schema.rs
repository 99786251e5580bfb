//! The contract as a JSON Schema, generated from the types.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use crate::{
    ConnectionDocument, DoneDocument, DownDocument, EndpointsDocument, ErrorDocument, Event,
    FailureDocument, ImportSummary, Listing, PickedDocument, ProfileListing, RecipientsDocument,
    RemovedDocument, RenderingDocument, SCHEMA, SessionsDocument, SignInDocument, StatusDocument,
    StoreDocument, TargetsDocument,
};

/// Returns the schema of everything that `ssmpf` prints for programs.
pub fn json_schema() -> Value {
    let mut generator = SchemaGenerator::default();
    let documents = [
        generator.subschema_for::<Listing>(),
        generator.subschema_for::<ConnectionDocument>(),
        generator.subschema_for::<RenderingDocument>(),
        generator.subschema_for::<RemovedDocument>(),
        generator.subschema_for::<ImportSummary>(),
        generator.subschema_for::<StoreDocument>(),
        generator.subschema_for::<RecipientsDocument>(),
        generator.subschema_for::<DoneDocument>(),
        generator.subschema_for::<ProfileListing>(),
        generator.subschema_for::<SignInDocument>(),
        generator.subschema_for::<StatusDocument>(),
        generator.subschema_for::<DownDocument>(),
        generator.subschema_for::<PickedDocument>(),
        generator.subschema_for::<TargetsDocument>(),
        generator.subschema_for::<EndpointsDocument>(),
        generator.subschema_for::<SessionsDocument>(),
        generator.subschema_for::<FailureDocument>(),
        generator.subschema_for::<ErrorDocument>(),
        generator.subschema_for::<Event>(),
    ];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "anyOf": documents,
        "$defs": generator.take_definitions(true),
    })
}
