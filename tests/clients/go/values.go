package main

// Values between the script's form and the driver's own (tests/clients/README.md, "Values").

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"net"
	"reflect"
	"strconv"
	"strings"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"gopkg.in/inf.v0"
)

// split gives `map<text, frozen<list<int>>>` as "map" and ["text", "frozen<list<int>>"]; frozen is left out.
func split(typeName string) (string, []string) {
	outer, inner, parametrized := strings.Cut(typeName, "<")
	if !parametrized {
		return typeName, nil
	}
	inner = strings.TrimSuffix(inner, ">")
	var parameters []string
	depth, start := 0, 0
	for at, letter := range inner {
		switch {
		case letter == '<':
			depth++
		case letter == '>':
			depth--
		case letter == ',' && depth == 0:
			parameters = append(parameters, strings.TrimSpace(inner[start:at]))
			start = at + 1
		}
	}
	parameters = append(parameters, strings.TrimSpace(inner[start:]))
	if outer == "frozen" {
		return split(parameters[0])
	}
	return outer, parameters
}

var nativeTypes = map[string]reflect.Type{
	"ascii":     reflect.TypeFor[string](),
	"text":      reflect.TypeFor[string](),
	"varchar":   reflect.TypeFor[string](),
	"boolean":   reflect.TypeFor[bool](),
	"tinyint":   reflect.TypeFor[int8](),
	"smallint":  reflect.TypeFor[int16](),
	"int":       reflect.TypeFor[int32](),
	"bigint":    reflect.TypeFor[int64](),
	"varint":    reflect.TypeFor[*big.Int](),
	"decimal":   reflect.TypeFor[*inf.Dec](),
	"float":     reflect.TypeFor[float32](),
	"double":    reflect.TypeFor[float64](),
	"blob":      reflect.TypeFor[[]byte](),
	"uuid":      reflect.TypeFor[gocql.UUID](),
	"timeuuid":  reflect.TypeFor[gocql.UUID](),
	"inet":      reflect.TypeFor[net.IP](),
	"date":      reflect.TypeFor[time.Time](),
	"time":      reflect.TypeFor[time.Duration](),
	"timestamp": reflect.TypeFor[time.Time](),
	"duration":  reflect.TypeFor[gocql.Duration](),
}

// goType is the Go type that a value of this CQL type is bound from and read into. The elements of a tuple may be null,
// so they are pointers in the fields of a struct.
func goType(typeName string) reflect.Type {
	name, parameters := split(typeName)
	switch name {
	case "list", "set", "vector":
		return reflect.SliceOf(goType(parameters[0]))
	case "map":
		return reflect.MapOf(goType(parameters[0]), goType(parameters[1]))
	case "tuple":
		fields := make([]reflect.StructField, len(parameters))
		for at, parameter := range parameters {
			fields[at] = reflect.StructField{Name: fmt.Sprintf("F%d", at), Type: reflect.PointerTo(goType(parameter))}
		}
		return reflect.StructOf(fields)
	default:
		return nativeTypes[name]
	}
}

// bound is the value to bind for this form.
func bound(typeName string, form any) (any, error) {
	if form == nil {
		return nil, nil
	}
	if marker, ok := form.(map[string]any); ok && marker["unset"] == true {
		return gocql.UnsetValue, nil
	}
	value, err := makeValue(typeName, form)
	if err != nil {
		return nil, err
	}
	// The driver binds the zero time.Time, which is a day of 0001, as no value at all.
	if moment, ok := value.Interface().(time.Time); ok && moment.IsZero() {
		return moment.UnixMilli(), nil
	}
	return value.Interface(), nil
}

func makeValue(typeName string, form any) (reflect.Value, error) {
	name, parameters := split(typeName)
	kind := goType(typeName)
	switch name {
	case "list", "set", "vector":
		elements := reflect.MakeSlice(kind, 0, len(form.([]any)))
		for _, one := range form.([]any) {
			element, err := makeValue(parameters[0], one)
			if err != nil {
				return element, err
			}
			elements = reflect.Append(elements, element)
		}
		return elements, nil
	case "map":
		entries := reflect.MakeMap(kind)
		for _, pair := range form.([]any) {
			key, err := makeValue(parameters[0], pair.([]any)[0])
			if err != nil {
				return key, err
			}
			value, err := makeValue(parameters[1], pair.([]any)[1])
			if err != nil {
				return value, err
			}
			entries.SetMapIndex(key, value)
		}
		return entries, nil
	case "tuple":
		tuple := reflect.New(kind).Elem()
		for at, one := range form.([]any) {
			if one == nil {
				continue
			}
			element, err := makeValue(parameters[at], one)
			if err != nil {
				return element, err
			}
			pointer := reflect.New(element.Type())
			pointer.Elem().Set(element)
			tuple.Field(at).Set(pointer)
		}
		return tuple, nil
	default:
		value, err := makeNative(name, form)
		return reflect.ValueOf(value), err
	}
}

func makeNative(name string, form any) (any, error) {
	if flag, ok := form.(bool); ok {
		return flag, nil
	}
	if parts, ok := form.([]any); ok {
		return makeDuration(parts)
	}
	text := form.(string)
	switch name {
	case "tinyint":
		n, err := strconv.ParseInt(text, 10, 8)
		return int8(n), err
	case "smallint":
		n, err := strconv.ParseInt(text, 10, 16)
		return int16(n), err
	case "int":
		n, err := strconv.ParseInt(text, 10, 32)
		return int32(n), err
	case "bigint":
		return strconv.ParseInt(text, 10, 64)
	case "float":
		x, err := strconv.ParseFloat(text, 32)
		return float32(x), err
	case "double":
		x, err := strconv.ParseFloat(text, 64)
		if math.IsNaN(x) {
			// Go's own has other bits than everybody else's.
			x = math.Float64frombits(0x7ff8000000000000)
		}
		return x, err
	case "blob":
		return hex.DecodeString(text)
	case "uuid", "timeuuid":
		return gocql.ParseUUID(text)
	case "date":
		days, err := strconv.ParseInt(text, 10, 64)
		return time.Unix(days*24*60*60, 0).UTC(), err
	case "time":
		n, err := strconv.ParseInt(text, 10, 64)
		return time.Duration(n), err
	case "timestamp":
		ms, err := strconv.ParseInt(text, 10, 64)
		return time.UnixMilli(ms).UTC(), err
	}
	return makeObject(name, text)
}

func makeObject(name, text string) (any, error) {
	switch name {
	case "varint":
		if n, ok := new(big.Int).SetString(text, 10); ok {
			return n, nil
		}
	case "decimal":
		if d, ok := new(inf.Dec).SetString(text); ok {
			return d, nil
		}
	case "inet":
		if ip := net.ParseIP(text); ip != nil {
			return ip, nil
		}
	case "ascii", "text", "varchar":
		return text, nil
	}
	return nil, fmt.Errorf("no %s: %q", name, text)
}

func makeDuration(parts []any) (any, error) {
	var numbers [3]int64
	for at := range numbers {
		n, err := strconv.ParseInt(parts[at].(string), 10, 64)
		if err != nil {
			return nil, err
		}
		numbers[at] = n
	}
	return gocql.Duration{Months: int32(numbers[0]), Days: int32(numbers[1]), Nanoseconds: numbers[2]}, nil
}

// column is where one column of a row is scanned to: for each place a pointer to a pointer, which null makes nil.
type column struct {
	typeName string
	places   []any
}

// newColumn knows that the driver scans a tuple to as many places as it has elements.
func newColumn(typeName string) column {
	name, parameters := split(typeName)
	if name != "tuple" {
		parameters = []string{typeName}
	}
	places := make([]any, len(parameters))
	for at, parameter := range parameters {
		places[at] = reflect.New(reflect.PointerTo(goType(parameter))).Interface()
	}
	return column{typeName, places}
}

// equal tells whether what was scanned is this form's value. The driver does not tell a null tuple from one of nulls.
func (c column) equal(form any) bool {
	name, parameters := split(c.typeName)
	if name != "tuple" {
		return equalPointer(c.typeName, form, reflect.ValueOf(c.places[0]).Elem())
	}
	for at, parameter := range parameters {
		var element any
		if form != nil {
			element = form.([]any)[at]
		}
		if !equalPointer(parameter, element, reflect.ValueOf(c.places[at]).Elem()) {
			return false
		}
	}
	return true
}

// value is what was scanned, for messages.
func (c column) value() any {
	if pointer := reflect.ValueOf(c.places[0]).Elem(); !pointer.IsNil() {
		return pointer.Elem().Interface()
	}
	return nil
}

func equalPointer(typeName string, form any, pointer reflect.Value) bool {
	if form == nil || pointer.IsNil() {
		return form == nil && pointer.IsNil()
	}
	return equalValue(typeName, form, pointer.Elem())
}

func equalValue(typeName string, form any, value reflect.Value) bool {
	name, parameters := split(typeName)
	switch name {
	case "list", "set", "vector":
		forms := form.([]any)
		if value.Len() != len(forms) {
			return false
		}
		for at, one := range forms {
			if !equalValue(parameters[0], one, value.Index(at)) {
				return false
			}
		}
		return true
	case "map":
		if value.Len() != len(form.([]any)) {
			return false
		}
		for _, pair := range form.([]any) {
			key, err := makeValue(parameters[0], pair.([]any)[0])
			if err != nil {
				return false
			}
			found := value.MapIndex(key)
			if !found.IsValid() || !equalValue(parameters[1], pair.([]any)[1], found) {
				return false
			}
		}
		return true
	case "tuple":
		for at, one := range form.([]any) {
			if !equalPointer(parameters[at], one, value.Field(at)) {
				return false
			}
		}
		return true
	default:
		wanted, err := makeNative(name, form)
		return err == nil && equalNative(wanted, value.Interface())
	}
}

func equalNative(wanted, value any) bool {
	switch wanted := wanted.(type) {
	case []byte:
		return bytes.Equal(wanted, value.([]byte))
	case net.IP:
		return wanted.Equal(value.(net.IP))
	case time.Time:
		return wanted.Equal(value.(time.Time))
	case *big.Int:
		return wanted.Cmp(value.(*big.Int)) == 0
	case *inf.Dec:
		// 12.50 is not 12.5: the scale is part of the value.
		got := value.(*inf.Dec)
		return wanted.Cmp(got) == 0 && wanted.Scale() == got.Scale()
	case float32:
		return equalFloat(float64(wanted), float64(value.(float32)))
	case float64:
		return equalFloat(wanted, value.(float64))
	default:
		return wanted == value
	}
}

func equalFloat(wanted, value float64) bool {
	return wanted == value || (math.IsNaN(wanted) && math.IsNaN(value))
}
