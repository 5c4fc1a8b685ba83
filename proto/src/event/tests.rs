use super::*;

/// A schema that lacks what a column needs, or has a payload of which the kind is not known, is refused at the start.
#[test]
fn a_schema_without_what_the_columns_need_is_refused() {
    let tables = Tables::decode(EventSchema::DESCRIPTORS).unwrap();
    let message = |name: &str| tables.message(tables.find(name).unwrap());
    assert!(EnvelopeFields::find(message("causality.v1.EventEnvelope")).is_ok());
    let other = message("causality.v1.ScreenView");
    let error = EnvelopeFields::find(other).unwrap_err();
    let missing = "message causality.v1.ScreenView has no field device_context of the type that is needed";
    assert_eq!(error.to_string(), missing);
    assert!(DeviceFields::find(other).is_err());
    assert!(Kinds::find(&tables, other).is_err());
}

#[test]
fn the_built_in_schema_is_complete() {
    EventSchema::built_in().unwrap();
}
