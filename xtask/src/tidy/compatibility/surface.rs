//! Descriptors as maps by full name: in which file something stands, and in which order, breaks
//! nothing.

use std::collections::BTreeMap;

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

/// All that a peer can see.
#[derive(Default)]
pub(super) struct Surface {
    pub(super) messages: BTreeMap<String, Message>,
    pub(super) enums: BTreeMap<String, Numbered<()>>,
    pub(super) services: BTreeMap<String, BTreeMap<String, MethodDescriptorProto>>,
}

/// A message's fields by number.
pub(super) type Message = Numbered<Field>;

/// Fields or enum values, with what is reserved among them.
pub(super) struct Numbered<T> {
    /// Number, name and the rest. Aliases of an enum have a number in common.
    pub(super) entries: Vec<(i32, String, T)>,
    /// First and last number.
    pub(super) reserved: Vec<(i32, i32)>,
    pub(super) reserved_names: Vec<String>,
}

/// What of a field may not change, in words.
pub(super) struct Field {
    pub(super) r#type: String,
    pub(super) cardinality: &'static str,
    pub(super) oneof: String,
    pub(super) json_name: String,
    pub(super) packing: &'static str,
}

impl Surface {
    pub(super) fn of(set: &FileDescriptorSet) -> Self {
        let mut surface = Self::default();
        for file in &set.file {
            surface.add_file(file);
        }
        surface
    }

    fn add_file(&mut self, file: &FileDescriptorProto) {
        let package = file.package();
        let syntax = file.syntax();
        for message in &file.message_type {
            self.add_message(package, message, syntax);
        }
        for found in &file.enum_type {
            self.add_enum(package, found);
        }
        for service in &file.service {
            let methods = service.method.iter();
            self.services.insert(
                inside(package, service.name()),
                methods.map(|m| (m.name().to_owned(), m.clone())).collect(),
            );
        }
    }

    fn add_message(&mut self, outer: &str, message: &DescriptorProto, syntax: &str) {
        let name = inside(outer, message.name());
        for inner in &message.nested_type {
            self.add_message(&name, inner, syntax);
        }
        for inner in &message.enum_type {
            self.add_enum(&name, inner);
        }
        let fields = message.field.iter().map(|field| {
            let read = Field::of(field, message, syntax);
            (field.number(), field.name().to_owned(), read)
        });
        let reserved = message.reserved_range.iter();
        let numbered = Numbered {
            entries: fields.collect(),
            // The end of a message's range is the first number after it.
            reserved: reserved
                .map(|range| (range.start(), range.end().saturating_sub(1)))
                .collect(),
            reserved_names: message.reserved_name.clone(),
        };
        self.messages.insert(name, numbered);
    }

    fn add_enum(&mut self, outer: &str, found: &EnumDescriptorProto) {
        let values = found.value.iter();
        let reserved = found.reserved_range.iter();
        let numbered = Numbered {
            entries: values
                .map(|value| (value.number(), value.name().to_owned(), ()))
                .collect(),
            reserved: reserved.map(|range| (range.start(), range.end())).collect(),
            reserved_names: found.reserved_name.clone(),
        };
        self.enums.insert(inside(outer, found.name()), numbered);
    }
}

impl<T> Numbered<T> {
    /// Whether every number of the range is reserved.
    pub(super) fn reserves(&self, (first, last): (i32, i32)) -> bool {
        let mut ranges = self.reserved.clone();
        ranges.sort_unstable();
        let mut next = first;
        for (start, end) in ranges {
            if start <= next && next <= end {
                next = end.saturating_add(1);
            }
        }
        next > last
    }

    pub(super) fn reserves_name(&self, name: &str) -> bool {
        self.reserved_names.iter().any(|reserved| reserved == name)
    }

    pub(super) fn names_of(&self, number: i32) -> impl Iterator<Item = (&str, &T)> {
        self.entries
            .iter()
            .filter(move |(found, _, _)| *found == number)
            .map(|(_, name, rest)| (&**name, rest))
    }

    pub(super) fn number_of(&self, name: &str) -> Option<i32> {
        self.entries
            .iter()
            .find_map(|(number, found, _)| (found == name).then_some(*number))
    }
}

impl Field {
    fn of(
        field: &prost_types::FieldDescriptorProto,
        message: &DescriptorProto,
        syntax: &str,
    ) -> Self {
        // proto3's `optional` stands in a oneof of its own that the compiler makes up.
        let is_optional = field.proto3_optional();
        let oneof = field
            .oneof_index
            .filter(|_| !is_optional)
            .and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?))
            .map_or("none", |oneof| oneof.name());
        Self {
            r#type: match field.r#type() {
                Type::Message | Type::Enum | Type::Group => field.type_name().to_owned(),
                scalar => scalar.as_str_name().to_owned(),
            },
            cardinality: match field.label() {
                Label::Repeated => "repeated",
                Label::Required => "required",
                Label::Optional if is_optional => "optional",
                Label::Optional => "single",
            },
            oneof: oneof.to_owned(),
            json_name: field.json_name().to_owned(),
            packing: packing(field, syntax),
        }
    }
}

/// A list of numbers is packed unless it says otherwise, and in proto2 only if it says so.
fn packing(field: &prost_types::FieldDescriptorProto, syntax: &str) -> &'static str {
    let is_number = !matches!(
        field.r#type(),
        Type::Message | Type::Group | Type::String | Type::Bytes
    );
    let said = field.options.as_ref().and_then(|options| options.packed);
    match (is_number && field.label() == Label::Repeated, said) {
        (true, Some(true)) => "packed",
        (true, None) if syntax == "proto3" => "packed",
        (true, _) => "unpacked",
        (false, _) => "none",
    }
}

fn inside(outer: &str, name: &str) -> String {
    if outer.is_empty() {
        name.to_owned()
    } else {
        format!("{outer}.{name}")
    }
}
