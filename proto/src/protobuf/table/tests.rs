use super::*;

#[test]
fn fields_are_found_by_their_numbers() {
    let numbers = [1, 2, 5, 1023, 1024, 70_000, (1 << 29) - 1];
    let table = Numbers::new(&numbers);
    for (index, number) in numbers.iter().enumerate() {
        assert_eq!(table.find(*number), Some(index), "{number}");
    }
    for number in [0, 3, 4, 6, 1022, 1025, 69_999, 1 << 29, u32::MAX] {
        assert_eq!(table.find(number), None, "{number}");
    }
    assert_eq!(Numbers::new(&[]).find(1), None);
}

#[test]
fn the_first_of_several_names_counts() {
    let values = [(3, "THREE"), (0, "ZERO"), (1, "ONE"), (1, "UNO"), (-5, "LESS")];
    let table = EnumTable::new("Numbers", values.into_iter().map(|(number, name)| (number, name.into())));
    for (number, name) in [(3, "THREE"), (0, "ZERO"), (1, "ONE"), (-5, "LESS")] {
        assert_eq!(table.name(number), Some(name));
    }
    assert_eq!((table.name(2), table.name(i32::MIN), table.name(i32::MAX)), (None, None, None));
    assert_eq!((table.default, table.is_null), (3, false));
}

/// The fields of a oneof share a slot, and an optional field of proto3 is none.
#[test]
fn slots_are_given_out_once() {
    let tables = Tables::decode(crate::EventSchema::DESCRIPTORS).unwrap();
    let envelope = tables.message(tables.find("causality.v1.EventEnvelope").unwrap());
    // Seven fields, and the payload's two.
    assert_eq!(envelope.slots, 9);
    let login = envelope.field_named("user_login").unwrap();
    let custom = envelope.field_named("custom_event").unwrap();
    assert_eq!((login.slot, login.cardinality), (custom.slot, custom.cardinality));
    assert!(matches!(login.cardinality, Cardinality::Oneof { which } if which + 1 == login.slot));
    let kinds: Vec<_> = ["id", "device_context"].map(|name| envelope.field_named(name).unwrap().cardinality).into();
    assert_eq!(kinds, [Cardinality::Implicit, Cardinality::Explicit]);
    assert!(tables.find("causality.v1.Missing").is_none());
}
