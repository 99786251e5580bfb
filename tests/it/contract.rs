//! The JSON Schema in `docs/schema.json` is that of the types.

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema.json");
    let mut generated = serde_json::to_string_pretty(&ssmpf_schema::json_schema()).unwrap();
    generated.push('\n');
    if std::env::var_os("SSMPF_TESTS_REWRITE").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "run this test with SSMPF_TESTS_REWRITE=1 and commit the file");
}
