"""Messages and calls made from what a gRPC server says of itself, and nothing else."""

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto


def message(name, *fields):
    """A message type written by hand: (number, name, type, repeated)."""
    described = descriptor_pb2.DescriptorProto(name=name)
    for number, field, kind, repeated in fields:
        entry = described.field.add(name=field, number=number)
        entry.label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
        if isinstance(kind, str):
            entry.type, entry.type_name = FIELD.TYPE_MESSAGE, kind
        else:
            entry.type = kind
    return described


# The two public interfaces that come before any other: reflection asks for descriptions, and
# google.rpc says what went wrong. Only the fields used here.
REFLECTION = descriptor_pb2.FileDescriptorProto(
    name="reflection.proto",
    package="grpc.reflection.v1",
    syntax="proto3",
    message_type=[
        message(
            "ServerReflectionRequest",
            (3, "file_by_filename", FIELD.TYPE_STRING, False),
            (4, "file_containing_symbol", FIELD.TYPE_STRING, False),
            (7, "list_services", FIELD.TYPE_STRING, False),
        ),
        message("FileDescriptorResponse", (1, "file_descriptor_proto", FIELD.TYPE_BYTES, True)),
        message("ServiceResponse", (1, "name", FIELD.TYPE_STRING, False)),
        message(
            "ListServiceResponse", (1, "service", ".grpc.reflection.v1.ServiceResponse", True)
        ),
        message(
            "ServerReflectionResponse",
            (4, "files", ".grpc.reflection.v1.FileDescriptorResponse", False),
            (6, "services", ".grpc.reflection.v1.ListServiceResponse", False),
        ),
    ],
)
RICH_ERRORS = descriptor_pb2.FileDescriptorProto(
    name="rich_errors.proto",
    package="google.rpc",
    syntax="proto3",
    dependency=["google/protobuf/any.proto"],
    message_type=[
        message(
            "Status",
            (1, "code", FIELD.TYPE_INT32, False),
            (2, "message", FIELD.TYPE_STRING, False),
            (3, "details", ".google.protobuf.Any", True),
        ),
        message(
            "ErrorInfo",
            (1, "reason", FIELD.TYPE_STRING, False),
            (2, "domain", FIELD.TYPE_STRING, False),
        ),
    ],
)


class Pool:
    """Descriptions of messages, and the classes made from them."""

    def __init__(self, *files):
        self.descriptors = descriptor_pool.DescriptorPool()
        self.descriptors.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
        for file in files:
            self.add(file.SerializeToString())

    def add(self, file):
        self.descriptors.AddSerializedFile(file)

    def type(self, name):
        described = self.descriptors.FindMessageTypeByName(name)
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(described)
        return message_factory.MessageFactory(self.descriptors).GetPrototype(described)


KNOWN = Pool(REFLECTION, RICH_ERRORS)


class Messages:
    """A server's own description of its services, asked of it by reflection."""

    def __init__(self, channel):
        self.channel = channel
        self.pool = Pool()
        self.files = set()
        for service in self.services():
            if service.startswith("askel."):
                self._learn(file_containing_symbol=service)

    def services(self):
        """The names of all services."""
        return sorted(service.name for service in self._ask(list_services="*").services.service)

    def read(self, name, encoded):
        """Decodes a message that travelled as bytes."""
        return self.pool.type(name).FromString(encoded)

    def enum_name(self, enum, value):
        return self._enum(enum).values_by_number[value].name

    def enum_value(self, enum, name):
        return self._enum(enum).values_by_name[name].number

    def call(self, method, fields, metadata):
        """One unary call of `package.Service/Method`."""
        service, name = method.split("/")
        described = self.pool.descriptors.FindServiceByName(service).methods_by_name[name]
        request = self.pool.type(described.input_type.full_name)(**fields)
        answer = self.pool.type(described.output_type.full_name)
        call = self.channel.unary_unary(
            f"/{method}", lambda message: message.SerializeToString(), answer.FromString
        )
        return call(request, metadata=metadata, timeout=10)

    def _enum(self, name):
        return self.pool.descriptors.FindEnumTypeByName(name)

    def _ask(self, **question):
        request = KNOWN.type("grpc.reflection.v1.ServerReflectionRequest")
        answer = KNOWN.type("grpc.reflection.v1.ServerReflectionResponse")
        call = self.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            lambda message: message.SerializeToString(),
            answer.FromString,
        )
        return next(call(iter([request(**question)]), timeout=10))

    def _learn(self, **question):
        """Adds a file to the pool, after those that it builds on."""
        for encoded in self._ask(**question).files.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(encoded)
            if file.name in self.files:
                continue
            self.files.add(file.name)
            for needed in file.dependency:
                if needed not in self.files:
                    self._learn(file_by_filename=needed)
            self.pool.add(encoded)


def rich_error(error):
    """The status code's name, and the reason and domain of google.rpc.ErrorInfo."""
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    info = KNOWN.type("google.rpc.ErrorInfo")()
    for detail in KNOWN.type("google.rpc.Status").FromString(details).details:
        if detail.type_url.endswith("/google.rpc.ErrorInfo"):
            info.MergeFromString(detail.value)
    return error.code().name, info.reason, info.domain
