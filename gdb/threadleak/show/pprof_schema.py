# SPDX-License-Identifier: MIT
"""The messages of profile.proto, the format of pprof, as the protobuf library takes them: made when first asked for.

Names, numbers and types are those of proto/profile.proto of https://github.com/google/pprof (Apache License 2.0).
"""

from typing import Any, Dict, List, Tuple

from .. import packages

_INT, _UINT, _BOOL, _STRING = "int64", "uint64", "bool", "string"
_TYPES = {_INT: 3, _UINT: 4, _BOOL: 8, _STRING: 9}  # FieldDescriptorProto.Type
_MESSAGE = 11
_OPTIONAL, _REPEATED = 1, 3  # FieldDescriptorProto.Label

# message -> (field, number, type), a repeated one with a star; a number of many fields is an index of a string
_MESSAGES: Dict[str, List[Tuple[str, int, str]]] = {
    "ValueType": [("type", 1, _INT), ("unit", 2, _INT)],
    "Label": [("key", 1, _INT), ("str", 2, _INT), ("num", 3, _INT), ("num_unit", 4, _INT)],
    "Sample": [("location_id", 1, "uint64*"), ("value", 2, "int64*"), ("label", 3, "Label*")],
    "Mapping": [
        ("id", 1, _UINT),
        ("memory_start", 2, _UINT),
        ("memory_limit", 3, _UINT),
        ("file_offset", 4, _UINT),
        ("filename", 5, _INT),
        ("build_id", 6, _INT),
        ("has_functions", 7, _BOOL),
        ("has_filenames", 8, _BOOL),
        ("has_line_numbers", 9, _BOOL),
        ("has_inline_frames", 10, _BOOL),
    ],
    "Line": [("function_id", 1, _UINT), ("line", 2, _INT)],
    "Location": [
        ("id", 1, _UINT),
        ("mapping_id", 2, _UINT),
        ("address", 3, _UINT),
        ("line", 4, "Line*"),
        ("is_folded", 5, _BOOL),
    ],
    "Function": [
        ("id", 1, _UINT),
        ("name", 2, _INT),
        ("system_name", 3, _INT),
        ("filename", 4, _INT),
        ("start_line", 5, _INT),
    ],
    "Profile": [
        ("sample_type", 1, "ValueType*"),
        ("sample", 2, "Sample*"),
        ("mapping", 3, "Mapping*"),
        ("location", 4, "Location*"),
        ("function", 5, "Function*"),
        ("string_table", 6, "string*"),
        ("drop_frames", 7, _INT),
        ("keep_frames", 8, _INT),
        ("time_nanos", 9, _INT),
        ("duration_nanos", 10, _INT),
        ("period_type", 11, "ValueType"),
        ("period", 12, _INT),
        ("comment", 13, "int64*"),
        ("default_sample_type", 14, _INT),
    ],
}
_PACKAGE = "perftools.profiles"


def new_profile() -> Any:
    """An empty Profile; ImportError if there is no protobuf library."""
    file = packages.load("google.protobuf.descriptor_pb2").FileDescriptorProto()
    file.name, file.package, file.syntax = "threadleak/profile.proto", _PACKAGE, "proto3"
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            bare = kind.rstrip("*")
            label = _OPTIONAL if bare == kind else _REPEATED
            made = message.field.add(name=field, number=number, label=label)
            made.type = _TYPES.get(bare, _MESSAGE)
            if bare not in _TYPES:
                made.type_name = f".{_PACKAGE}.{bare}"
    pool = packages.load("google.protobuf.descriptor_pool").DescriptorPool()
    pool.Add(file)
    factory = packages.load("google.protobuf.message_factory")
    found = pool.FindMessageTypeByName(f"{_PACKAGE}.Profile")
    if hasattr(factory, "GetMessageClass"):  # from version 4.22 on
        return factory.GetMessageClass(found)()
    return factory.MessageFactory(pool).GetPrototype(found)()
