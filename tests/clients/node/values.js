'use strict';
// Values between the script's form and the driver's own (tests/clients/README.md, "Values").

const { types } = require('cassandra-driver');

// The driver's maps are plain objects, whose keys are only ever text, unless it is given a class of maps; but then its
// own reading of `system_schema` looks in vain for the properties of an object. So this one has both.
class PropertyMap extends Map {
  set(key, value) {
    this[key] = value;
    return super.set(key, value);
  }
}

// `map<text, frozen<list<int>>>` gives ["map", ["text", "frozen<list<int>>"]]; frozen is left out.
function split(typeName) {
  const open = typeName.indexOf('<');
  if (open < 0) {
    return [typeName, []];
  }
  const outer = typeName.slice(0, open);
  const parameters = [];
  let depth = 0;
  let start = open + 1;
  for (let at = start; at < typeName.length - 1; at++) {
    const letter = typeName[at];
    depth += letter === '<' ? 1 : letter === '>' ? -1 : 0;
    if (letter === ',' && depth === 0) {
      parameters.push(typeName.slice(start, at).trim());
      start = at + 1;
    }
  }
  parameters.push(typeName.slice(start, -1).trim());
  return outer === 'frozen' ? split(parameters[0]) : [outer, parameters];
}

const NATIVE = {
  ascii: String,
  text: String,
  varchar: String,
  boolean: Boolean,
  tinyint: Number,
  smallint: Number,
  int: Number,
  bigint: form => types.Long.fromString(form),
  varint: form => types.Integer.fromString(form),
  decimal: form => types.BigDecimal.fromString(form),
  float: form => Math.fround(Number(form)),
  double: Number,
  blob: form => Buffer.from(form, 'hex'),
  uuid: form => types.Uuid.fromString(form),
  timeuuid: form => types.TimeUuid.fromString(form),
  inet: form => types.InetAddress.fromString(form),
  date: form => new types.LocalDate(Number(form)),
  time: form => new types.LocalTime(types.Long.fromString(form)),
  timestamp: form => new Date(Number(form)),
  duration: ([months, days, nanoseconds]) =>
    new types.Duration(Number(months), Number(days), types.Long.fromString(nanoseconds)),
};

// The driver's value of this form.
function make(typeName, form) {
  if (form === null) {
    return null;
  }
  if (form.unset === true) {
    return types.unset;
  }
  const [name, parameters] = split(typeName);
  switch (name) {
    case 'list':
    case 'set':
      return form.map(element => make(parameters[0], element));
    case 'vector':
      return new types.Vector(form.map(element => make(parameters[0], element)));
    case 'map':
      return new PropertyMap(form.map(([key, value]) => [make(parameters[0], key), make(parameters[1], value)]));
    case 'tuple':
      return new types.Tuple(...form.map((element, at) => make(parameters[at], element)));
    default:
      return NATIVE[name](form);
  }
}

function equalAll(kinds, forms, values) {
  return values.length === forms.length && forms.every((form, at) => equal(kinds(at), form, values[at]));
}

// Whether the driver gave this form's value, and of the right type.
function equal(typeName, form, value) {
  if (form === null || value === null) {
    return form === null && value === null;
  }
  const [name, parameters] = split(typeName);
  switch (name) {
    case 'list':
    case 'set':
      return Array.isArray(value) && equalAll(() => parameters[0], form, value);
    case 'vector':
      return value.IDENTITY === 'Vector' && equalAll(() => parameters[0], form, [...value]);
    case 'map':
      return value instanceof Map
        && equalAll(at => parameters[at % 2], form.flat(1), [...value.entries()].flat(1));
    case 'tuple':
      return value instanceof types.Tuple && equalAll(at => parameters[at], form, value.values());
    default:
      return equalNative(name, NATIVE[name](form), value);
  }
}

function equalNative(name, wanted, value) {
  if (typeof wanted !== 'object') {
    return Object.is(wanted, value) || wanted === value;
  }
  if (!(value instanceof wanted.constructor)) {
    return false;
  }
  switch (name) {
    case 'timestamp':
      return wanted.getTime() === value.getTime();
    case 'date':
      return wanted.date.getTime() === value.date.getTime();
    case 'decimal':
      // 12.50 is not 12.5: the scale is part of the value.
      return wanted.equals(value) && wanted.toString() === value.toString();
    default:
      return wanted.equals(value);
  }
}

module.exports = { PropertyMap, make, equal };
