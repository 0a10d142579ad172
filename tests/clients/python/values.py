"""Values between the script's form and the driver's own (tests/clients/README.md, "Values")."""

import datetime
import math
import struct
import uuid
from decimal import Decimal

from cassandra.query import UNSET_VALUE
from cassandra.util import Date, Duration, OrderedMap, SortedSet, Time

EPOCH = datetime.datetime(1970, 1, 1)
MILLISECOND = datetime.timedelta(milliseconds=1)
INTEGERS = {"tinyint", "smallint", "int", "bigint", "varint"}
TEXTS = {"ascii", "text", "varchar"}


def split(type_name):
    """`map<text, frozen<list<int>>>` gives `("map", ["text", "frozen<list<int>>"])`."""
    if "<" not in type_name:
        return type_name, []
    outer, inner = type_name[:-1].split("<", 1)
    parameters, depth, start = [], 0, 0
    for at, letter in enumerate(inner):
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parameters.append(inner[start:at].strip())
            start = at + 1
    parameters.append(inner[start:].strip())
    return (outer, parameters) if outer != "frozen" else split(parameters[0])


def make(type_name, form):
    """The driver's value of this form."""
    if form is None:
        return None
    if form == {"unset": True}:
        return UNSET_VALUE
    name, parameters = split(type_name)
    if name == "map":
        return OrderedMap([(make(parameters[0], key), make(parameters[1], value)) for key, value in form])
    if name in ("list", "vector"):
        return [make(parameters[0], element) for element in form]
    if name == "set":
        return SortedSet([make(parameters[0], element) for element in form])
    if name == "tuple":
        return tuple(make(parameter, element) for parameter, element in zip(parameters, form))
    return make_native(name, form)


def make_native(name, form):
    if name in TEXTS or name in ("boolean", "inet"):
        return form
    if name in INTEGERS:
        return int(form)
    if name in ("float", "double"):
        return float(form)
    if name == "duration":
        return Duration(*map(int, form))
    if name == "timestamp":
        return EPOCH + int(form) * MILLISECOND
    if name == "date":
        return Date(int(form))
    return {
        "blob": bytes.fromhex,
        "decimal": Decimal,
        "time": lambda nanoseconds: Time(int(nanoseconds)),
        "timeuuid": uuid.UUID,
        "uuid": uuid.UUID,
    }[name](form)


def equal(type_name, form, value):
    """Whether the driver gave this form's value, and of the right type."""
    if form is None or value is None:
        return form is None and value is None
    name, parameters = split(type_name)
    if name == "map":
        pairs = list(value.items())
        kinds = parameters
        return len(pairs) == len(form) and all(
            equal(kinds[0], wanted[0], pair[0]) and equal(kinds[1], wanted[1], pair[1])
            for wanted, pair in zip(form, pairs)
        )
    if name in ("list", "vector", "set", "tuple"):
        kinds = parameters if name == "tuple" else parameters[:1] * len(form)
        return len(value) == len(form) and all(map(equal, kinds, form, value))
    wanted = make_native(name, form)
    if name in ("float", "double"):
        if name == "float":
            wanted = struct.unpack(">f", struct.pack(">f", wanted))[0]
        return isinstance(value, float) and (wanted == value or (math.isnan(wanted) and math.isnan(value)))
    if name == "decimal":
        # 12.50 is not 12.5: the scale is part of the value.
        return isinstance(value, Decimal) and wanted.as_tuple() == value.as_tuple()
    return type(value) is type(wanted) and value == wanted
