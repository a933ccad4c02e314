//! Each kind of break, planted in a small protocol.

use super::{
    breaking::{Break, MethodProperty, Property},
    compare::breaks,
};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FieldOptions, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    OneofDescriptorProto, ServiceDescriptorProto,
    descriptor_proto::ReservedRange,
    enum_descriptor_proto::EnumReservedRange,
    field_descriptor_proto::{Label, Type},
};

/// One file: a message with a number, a list and a choice; an enum; a service.
fn released() -> FileDescriptorProto {
    let walk = DescriptorProto {
        name: Some("Walk".into()),
        field: vec![
            field("steps", 1, Type::Uint32),
            FieldDescriptorProto {
                label: Some(Label::Repeated.into()),
                ..field("hours", 2, Type::Uint32)
            },
            FieldDescriptorProto {
                oneof_index: Some(0),
                ..field("note", 3, Type::String)
            },
        ],
        oneof_decl: vec![OneofDescriptorProto {
            name: Some("extra".into()),
            ..OneofDescriptorProto::default()
        }],
        reserved_range: vec![ReservedRange {
            start: Some(7),
            end: Some(9),
        }],
        reserved_name: vec!["mood".into()],
        ..DescriptorProto::default()
    };
    let manner = EnumDescriptorProto {
        name: Some("Manner".into()),
        value: vec![value("NONE", 0), value("ON_SITE", 1)],
        ..EnumDescriptorProto::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("Walks".into()),
        method: vec![MethodDescriptorProto {
            name: Some("List".into()),
            input_type: Some(".t.v1.Walk".into()),
            output_type: Some(".t.v1.Walk".into()),
            server_streaming: Some(true),
            ..MethodDescriptorProto::default()
        }],
        ..ServiceDescriptorProto::default()
    };
    FileDescriptorProto {
        name: Some("walk.proto".into()),
        package: Some("t.v1".into()),
        syntax: Some("proto3".into()),
        message_type: vec![walk],
        enum_type: vec![manner],
        service: vec![service],
        ..FileDescriptorProto::default()
    }
}

fn field(name: &str, number: i32, r#type: Type) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.into()),
        json_name: Some(name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(r#type.into()),
        ..FieldDescriptorProto::default()
    }
}

fn value(name: &str, number: i32) -> EnumValueDescriptorProto {
    EnumValueDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        ..EnumValueDescriptorProto::default()
    }
}

/// What a change of the protocol breaks.
fn after(change: impl FnOnce(&mut FileDescriptorProto)) -> Vec<Break> {
    let set = |file| FileDescriptorSet { file: vec![file] };
    let mut changed = released();
    change(&mut changed);
    breaks(&set(released()), &set(changed))
}

fn walk(file: &mut FileDescriptorProto) -> &mut DescriptorProto {
    &mut file.message_type[0]
}

/// The change breaks one thing, told in these words.
fn check(words: &str, change: impl FnOnce(&mut FileDescriptorProto)) {
    let told: Vec<String> = after(change).iter().map(ToString::to_string).collect();
    assert_eq!(told, [words]);
}

#[test]
fn additions_and_moves_break_nothing() {
    assert_eq!(after(|_| ()), []);
    let grown = after(|file| {
        walk(file).field.push(field("weather", 4, Type::String));
        walk(file).field.reverse();
        file.enum_type[0].value.push(value("REMOTE", 2));
        file.message_type.push(DescriptorProto {
            name: Some("Run".into()),
            ..DescriptorProto::default()
        });
        let mut method = file.service[0].method[0].clone();
        method.name = Some("Get".into());
        file.service[0].method.push(method);
        // Another file of the same package.
        file.name = Some("moved.proto".into());
    });
    assert_eq!(grown, []);
}

#[test]
fn what_is_removed_is_reserved_by_number_and_name() {
    let removed = "t.v1.Walk: steps = 1 was removed; \
        number and name must be `reserved` in its place";
    check(removed, |file| drop(walk(file).field.remove(0)));
    let number = ReservedRange {
        start: Some(1),
        end: Some(2),
    };
    check(removed, |file| {
        walk(file).field.remove(0);
        walk(file).reserved_range.push(number);
    });
    let reserved = after(|file| {
        walk(file).field.remove(0);
        walk(file).reserved_range.push(number);
        walk(file).reserved_name.push("steps".into());
    });
    assert_eq!(reserved, []);
}

#[test]
fn an_enum_value_that_is_removed_is_reserved_too() {
    check(
        "t.v1.Manner: ON_SITE = 1 was removed; number and name must be `reserved` in its place",
        |file| drop(file.enum_type[0].value.pop()),
    );
    let reserved = after(|file| {
        let manner = &mut file.enum_type[0];
        manner.value.pop();
        manner.reserved_name.push("ON_SITE".into());
        manner.reserved_range.push(EnumReservedRange {
            start: Some(1),
            end: Some(1),
        });
    });
    assert_eq!(reserved, []);
}

#[test]
fn numbers_and_names_stay() {
    check("t.v1.Walk: steps had the number 1, and has 4", |file| {
        walk(file).field[0].number = Some(4);
    });
    check("t.v1.Manner: ON_SITE had the number 1, and has 2", |file| {
        file.enum_type[0].value[1].number = Some(2);
    });
    check(
        "t.v1.Walk: number 1 was named steps, and is named paces",
        |file| walk(file).field[0].name = Some("paces".into()),
    );
    check(
        "t.v1.Manner: number 1 was named ON_SITE, and is named THERE",
        |file| file.enum_type[0].value[1].name = Some("THERE".into()),
    );
}

#[test]
fn a_second_name_of_an_enum_value_breaks_nothing() {
    let alias = after(|file| file.enum_type[0].value.insert(1, value("THERE", 1)));
    assert_eq!(alias, []);
}

#[test]
fn properties_of_a_field_stay() {
    let changed = |change: fn(&mut DescriptorProto)| match &*after(|file| change(walk(file))) {
        [Break::Changed { property, .. }] => *property,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        changed(|walk| walk.field[0].r#type = Some(Type::Uint64.into())),
        Property::Type
    );
    assert_eq!(
        changed(|walk| walk.field[0].proto3_optional = Some(true)),
        Property::Cardinality
    );
    assert_eq!(
        changed(|walk| walk.field[2].label = Some(Label::Repeated.into())),
        Property::Cardinality
    );
    assert_eq!(
        changed(|walk| walk.field[0].oneof_index = Some(0)),
        Property::Oneof
    );
    assert_eq!(
        changed(|walk| walk.field[2].oneof_index = None),
        Property::Oneof
    );
    assert_eq!(
        changed(|walk| walk.field[0].json_name = Some("paces".into())),
        Property::JsonName
    );
    let unpacked = FieldOptions {
        packed: Some(false),
        ..FieldOptions::default()
    };
    let mut file = released();
    walk(&mut file).field[1].options = Some(unpacked);
    let set = |file| FileDescriptorSet { file: vec![file] };
    assert!(matches!(
        &*breaks(&set(released()), &set(file)),
        [Break::Changed {
            property: Property::Packing,
            ..
        }]
    ));
}

#[test]
fn to_say_the_default_packing_breaks_nothing() {
    let said = after(|file| {
        walk(file).field[1].options = Some(FieldOptions {
            packed: Some(true),
            ..FieldOptions::default()
        });
    });
    assert_eq!(said, []);
}

#[test]
fn a_message_of_another_type_of_the_same_kind_breaks() {
    let typed = |name: &str| FieldDescriptorProto {
        type_name: Some(name.into()),
        ..field("manner", 5, Type::Enum)
    };
    let set = |name| {
        let mut file = released();
        walk(&mut file).field.push(typed(name));
        FileDescriptorSet { file: vec![file] }
    };
    let found = breaks(&set(".t.v1.Manner"), &set(".t.v1.Mood"));
    assert_eq!(
        found[0].to_string(),
        "t.v1.Walk: the type of manner was .t.v1.Manner, and is .t.v1.Mood"
    );
}

#[test]
fn reservations_stay() {
    check(
        "t.v1.Walk: a number of 7 to 8 was reserved, and no longer is",
        |file| {
            walk(file).reserved_range[0].end = Some(8);
        },
    );
    check(
        "t.v1.Walk: the name mood was reserved, and no longer is",
        |file| {
            walk(file).reserved_name.clear();
        },
    );
    let split = after(|file| {
        let one = |start| ReservedRange {
            start: Some(start),
            end: Some(start + 1),
        };
        walk(file).reserved_range = vec![one(8), one(7)];
    });
    assert_eq!(split, []);
}

#[test]
fn whole_messages_enums_and_services_stay() {
    check("message t.v1.Walk is gone", |file| {
        file.message_type.clear();
    });
    check("enum t.v1.Manner is gone", |file| file.enum_type.clear());
    check("service t.v1.Walks is gone", |file| file.service.clear());
}

#[test]
fn inner_messages_and_enums_are_looked_at_too() {
    let with_inner = |inner: Option<DescriptorProto>, cause: Option<EnumDescriptorProto>| {
        let mut file = released();
        walk(&mut file).nested_type.extend(inner);
        walk(&mut file).enum_type.extend(cause);
        FileDescriptorSet { file: vec![file] }
    };
    let inner = DescriptorProto {
        name: Some("Part".into()),
        ..DescriptorProto::default()
    };
    let cause = EnumDescriptorProto {
        name: Some("Cause".into()),
        ..EnumDescriptorProto::default()
    };
    let found = breaks(
        &with_inner(Some(inner), Some(cause)),
        &with_inner(None, None),
    );
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "message t.v1.Walk.Part is gone",
            "enum t.v1.Walk.Cause is gone"
        ]
    );
}

#[test]
fn methods_stay() {
    check("t.v1.Walks: the method List is gone", |file| {
        file.service[0].method.clear();
    });
    let changed = |change: fn(&mut MethodDescriptorProto)| {
        let found = after(|file| {
            change(&mut file.service[0].method[0]);
        });
        match &*found {
            [Break::MethodChanged { property, .. }] => *property,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        changed(|list| list.input_type = Some(".t.v1.Run".into())),
        MethodProperty::Request
    );
    assert_eq!(
        changed(|list| list.output_type = Some(".t.v1.Run".into())),
        MethodProperty::Response
    );
    assert_eq!(
        changed(|list| list.client_streaming = Some(true)),
        MethodProperty::RequestStreaming
    );
    assert_eq!(
        changed(|list| list.server_streaming = None),
        MethodProperty::ResponseStreaming
    );
}

#[test]
fn package_and_syntax_stay() {
    check("walk.proto: the package was t.v1, and is t.v2", |file| {
        file.package = Some("t.v2".into());
    });
    check("walk.proto: the syntax was proto3, and is proto2", |file| {
        walk(file).field[1].options = Some(FieldOptions {
            packed: Some(true),
            ..FieldOptions::default()
        });
        file.syntax = Some("proto2".into());
    });
}
