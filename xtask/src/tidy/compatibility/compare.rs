//! What of a released protocol another one breaks. Additions break nothing.

use std::collections::BTreeMap;

use prost_types::{FileDescriptorSet, MethodDescriptorProto};

use super::{
    breaking::{Break, MethodProperty, Property},
    surface::{Field, Numbered, Surface},
};

/// Every break, file by file and name by name.
pub(super) fn breaks(released: &FileDescriptorSet, compiled: &FileDescriptorSet) -> Vec<Break> {
    let files = files(released, compiled);
    if files
        .iter()
        .any(|found| matches!(found, Break::Package { .. }))
    {
        // All names differ; to list them would hide the cause.
        return files;
    }
    let (was, is) = (Surface::of(released), Surface::of(compiled));
    let mut breaks = files;
    for (name, message) in &was.messages {
        match is.messages.get(name) {
            None => breaks.push(Break::Gone(format!("message {name}"))),
            Some(now) => {
                breaks.extend(numbered(name, message, now));
                breaks.extend(fields(name, message, now));
            }
        }
    }
    for (name, values) in &was.enums {
        match is.enums.get(name) {
            None => breaks.push(Break::Gone(format!("enum {name}"))),
            Some(now) => breaks.extend(numbered(name, values, now)),
        }
    }
    for (name, methods) in &was.services {
        match is.services.get(name) {
            None => breaks.push(Break::Gone(format!("service {name}"))),
            Some(now) => breaks.extend(service(name, methods, now)),
        }
    }
    breaks
}

fn files(released: &FileDescriptorSet, compiled: &FileDescriptorSet) -> Vec<Break> {
    let mut breaks = Vec::new();
    for was in &released.file {
        let Some(is) = compiled.file.iter().find(|is| is.name == was.name) else {
            // Its contents may have moved to another file.
            continue;
        };
        if was.package() != is.package() {
            breaks.push(Break::Package {
                file: was.name().to_owned(),
                was: was.package().to_owned(),
                is: is.package().to_owned(),
            });
        }
        if was.syntax() != is.syntax() {
            breaks.push(Break::Syntax {
                file: was.name().to_owned(),
                was: was.syntax().to_owned(),
                is: is.syntax().to_owned(),
            });
        }
    }
    breaks
}

/// Numbers and names, of fields and enum values alike.
fn numbered<T>(of: &str, was: &Numbered<T>, is: &Numbered<T>) -> Vec<Break> {
    let mut breaks = Vec::new();
    for (number, name, _) in &was.entries {
        breaks.extend(entry(of, (*number, name), is));
    }
    for (first, last) in &was.reserved {
        if !is.reserves((*first, *last)) {
            let what = if first == last {
                format!("number {first}")
            } else {
                format!("a number of {first} to {last}")
            };
            breaks.push(Break::ReservationDropped {
                of: of.to_owned(),
                what,
            });
        }
    }
    for name in &was.reserved_names {
        if !is.reserves_name(name) {
            breaks.push(Break::ReservationDropped {
                of: of.to_owned(),
                what: format!("the name {name}"),
            });
        }
    }
    breaks
}

fn entry<T>(of: &str, (number, name): (i32, &str), is: &Numbered<T>) -> Option<Break> {
    let mut names = is.names_of(number).map(|(name, _)| name).peekable();
    let other = names.peek().copied();
    if names.any(|found| found == name) {
        return None;
    }
    let (of, name) = (of.to_owned(), name.to_owned());
    match (is.number_of(&name), other) {
        (Some(now), _) => Some(Break::Renumbered {
            of,
            name,
            was: number,
            is: now,
        }),
        (None, Some(other)) => Some(Break::Renamed {
            of,
            number,
            was: name,
            is: other.to_owned(),
        }),
        (None, None) if is.reserves((number, number)) && is.reserves_name(&name) => None,
        (None, None) => Some(Break::Removed { of, name, number }),
    }
}

fn fields(of: &str, was: &Numbered<Field>, is: &Numbered<Field>) -> Vec<Break> {
    let mut breaks = Vec::new();
    for (number, name, was) in &was.entries {
        let Some((_, is)) = is.names_of(*number).next() else {
            continue;
        };
        let properties = [
            (Property::Type, &*was.r#type, &*is.r#type),
            (Property::Cardinality, was.cardinality, is.cardinality),
            (Property::Oneof, &was.oneof, &is.oneof),
            (Property::JsonName, &was.json_name, &is.json_name),
            (Property::Packing, was.packing, is.packing),
        ];
        let changed = properties.into_iter().filter(|(_, was, is)| was != is);
        breaks.extend(changed.map(|(property, was, is)| Break::Changed {
            of: of.to_owned(),
            name: name.clone(),
            property,
            was: was.to_owned(),
            is: is.to_owned(),
        }));
    }
    breaks
}

type Methods = BTreeMap<String, MethodDescriptorProto>;

fn service(service: &str, was: &Methods, is: &Methods) -> Vec<Break> {
    let mut breaks = Vec::new();
    for (method, was) in was {
        let Some(is) = is.get(method) else {
            breaks.push(Break::MethodGone {
                service: service.to_owned(),
                method: method.clone(),
            });
            continue;
        };
        let properties = [
            (MethodProperty::Request, was.input_type(), is.input_type()),
            (
                MethodProperty::Response,
                was.output_type(),
                is.output_type(),
            ),
            (
                MethodProperty::RequestStreaming,
                streaming(was.client_streaming()),
                streaming(is.client_streaming()),
            ),
            (
                MethodProperty::ResponseStreaming,
                streaming(was.server_streaming()),
                streaming(is.server_streaming()),
            ),
        ];
        let changed = properties.into_iter().filter(|(_, was, is)| was != is);
        breaks.extend(changed.map(|(property, was, is)| Break::MethodChanged {
            service: service.to_owned(),
            method: method.clone(),
            property,
            was: was.to_owned(),
            is: is.to_owned(),
        }));
    }
    breaks
}

fn streaming(streams: bool) -> &'static str {
    if streams { "a stream" } else { "one message" }
}
