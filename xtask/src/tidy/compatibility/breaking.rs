//! What can break a protocol.

/// One change that a peer of the released version would not survive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Break {
    /// A file's messages have other names now.
    #[error("{file}: the package was {was}, and is {is}")]
    Package {
        file: String,
        was: String,
        is: String,
    },
    /// Defaults and packing follow the syntax.
    #[error("{file}: the syntax was {was}, and is {is}")]
    Syntax {
        file: String,
        was: String,
        is: String,
    },
    /// A message, an enum or a service.
    #[error("{0} is gone")]
    Gone(String),
    /// A field or an enum value, whose number or name could be used again for something else.
    #[error("{of}: {name} = {number} was removed; number and name must be `reserved` in its place")]
    Removed {
        of: String,
        name: String,
        number: i32,
    },
    /// The bytes of the released version mean something else.
    #[error("{of}: {name} had the number {was}, and has {is}")]
    Renumbered {
        of: String,
        name: String,
        was: i32,
        is: i32,
    },
    /// JSON and generated code use names.
    #[error("{of}: number {number} was named {was}, and is named {is}")]
    Renamed {
        of: String,
        number: i32,
        was: String,
        is: String,
    },
    /// A property of a field.
    #[error("{of}: the {property} of {name} was {was}, and is {is}")]
    Changed {
        of: String,
        name: String,
        property: Property,
        was: String,
        is: String,
    },
    /// What was removed once must not come back as something else.
    #[error("{of}: {what} was reserved, and no longer is")]
    ReservationDropped { of: String, what: String },
    /// A method of a service.
    #[error("{service}: the method {method} is gone")]
    MethodGone { service: String, method: String },
    /// A property of a method.
    #[error("{service}: the {property} of {method} was {was}, and is {is}")]
    MethodChanged {
        service: String,
        method: String,
        property: MethodProperty,
        was: String,
        is: String,
    },
}

/// What of a field may not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    Type,
    Cardinality,
    Oneof,
    JsonName,
    Packing,
}

/// What of a method may not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MethodProperty {
    Request,
    Response,
    RequestStreaming,
    ResponseStreaming,
}

impl std::fmt::Display for Property {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Type => "type",
            Self::Cardinality => "cardinality",
            Self::Oneof => "oneof",
            Self::JsonName => "JSON name",
            Self::Packing => "packing",
        })
    }
}

impl std::fmt::Display for MethodProperty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::RequestStreaming => "streaming of requests",
            Self::ResponseStreaming => "streaming of responses",
        })
    }
}
