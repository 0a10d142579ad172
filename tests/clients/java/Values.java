import com.datastax.oss.driver.api.core.data.CqlDuration;
import com.datastax.oss.driver.api.core.data.CqlVector;
import com.datastax.oss.driver.api.core.type.DataType;
import com.datastax.oss.driver.api.core.type.DataTypes;
import com.datastax.oss.driver.api.core.type.ListType;
import com.datastax.oss.driver.api.core.type.MapType;
import com.datastax.oss.driver.api.core.type.SetType;
import com.datastax.oss.driver.api.core.type.TupleType;
import com.datastax.oss.driver.api.core.type.VectorType;
import com.datastax.oss.protocol.internal.util.Bytes;
import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;

/** Values between the script's form and the driver's own (tests/clients/README.md, "Values"). */
final class Values {
  private static final Map<String, DataType> NATIVE =
      Map.ofEntries(
          Map.entry("ascii", DataTypes.ASCII),
          Map.entry("text", DataTypes.TEXT),
          Map.entry("varchar", DataTypes.TEXT),
          Map.entry("boolean", DataTypes.BOOLEAN),
          Map.entry("tinyint", DataTypes.TINYINT),
          Map.entry("smallint", DataTypes.SMALLINT),
          Map.entry("int", DataTypes.INT),
          Map.entry("bigint", DataTypes.BIGINT),
          Map.entry("varint", DataTypes.VARINT),
          Map.entry("decimal", DataTypes.DECIMAL),
          Map.entry("float", DataTypes.FLOAT),
          Map.entry("double", DataTypes.DOUBLE),
          Map.entry("blob", DataTypes.BLOB),
          Map.entry("uuid", DataTypes.UUID),
          Map.entry("timeuuid", DataTypes.TIMEUUID),
          Map.entry("inet", DataTypes.INET),
          Map.entry("date", DataTypes.DATE),
          Map.entry("time", DataTypes.TIME),
          Map.entry("timestamp", DataTypes.TIMESTAMP),
          Map.entry("duration", DataTypes.DURATION));

  private Values() {}

  /** The driver's type of this name. */
  static DataType type(String name) {
    int open = name.indexOf('<');
    if (open < 0) {
      return Objects.requireNonNull(NATIVE.get(name), name);
    }
    List<String> parameters = parameters(name.substring(open + 1, name.length() - 1));
    switch (name.substring(0, open)) {
      case "frozen":
        return frozen(type(parameters.get(0)));
      case "list":
        return DataTypes.listOf(type(parameters.get(0)));
      case "set":
        return DataTypes.setOf(type(parameters.get(0)));
      case "map":
        return DataTypes.mapOf(type(parameters.get(0)), type(parameters.get(1)));
      case "tuple":
        return DataTypes.tupleOf(parameters.stream().map(Values::type).toArray(DataType[]::new));
      case "vector":
        return DataTypes.vectorOf(type(parameters.get(0)), Integer.parseInt(parameters.get(1)));
      default:
        throw new IllegalArgumentException(name);
    }
  }

  private static DataType frozen(DataType type) {
    if (type instanceof ListType) {
      return DataTypes.listOf(((ListType) type).getElementType(), true);
    }
    if (type instanceof SetType) {
      return DataTypes.setOf(((SetType) type).getElementType(), true);
    }
    if (type instanceof MapType) {
      return DataTypes.mapOf(((MapType) type).getKeyType(), ((MapType) type).getValueType(), true);
    }
    return type;
  }

  /** What stands between the outermost brackets, parted at its own commas. */
  private static List<String> parameters(String inner) {
    List<String> parameters = new ArrayList<>();
    int depth = 0;
    int start = 0;
    for (int at = 0; at < inner.length(); at++) {
      char letter = inner.charAt(at);
      depth += letter == '<' ? 1 : letter == '>' ? -1 : 0;
      if (letter == ',' && depth == 0) {
        parameters.add(inner.substring(start, at).trim());
        start = at + 1;
      }
    }
    parameters.add(inner.substring(start).trim());
    return parameters;
  }

  static boolean isUnset(JsonNode form) {
    return form.isObject() && form.path("unset").asBoolean();
  }

  /** The driver's value of this form. */
  static Object make(DataType type, JsonNode form) throws UnknownHostException {
    if (form.isNull()) {
      return null;
    }
    if (type instanceof ListType) {
      return makeAll(((ListType) type).getElementType(), form);
    }
    if (type instanceof SetType) {
      return new LinkedHashSet<>(makeAll(((SetType) type).getElementType(), form));
    }
    if (type instanceof VectorType) {
      return CqlVector.newInstance(makeAll(((VectorType) type).getElementType(), form));
    }
    if (type instanceof MapType) {
      Map<Object, Object> map = new LinkedHashMap<>();
      for (JsonNode pair : form) {
        Object key = make(((MapType) type).getKeyType(), pair.get(0));
        map.put(key, make(((MapType) type).getValueType(), pair.get(1)));
      }
      return map;
    }
    if (type instanceof TupleType) {
      List<DataType> parts = ((TupleType) type).getComponentTypes();
      Object[] values = new Object[parts.size()];
      for (int at = 0; at < values.length; at++) {
        values[at] = make(parts.get(at), form.get(at));
      }
      return ((TupleType) type).newValue(values);
    }
    return makeNative(type.asCql(false, false), form);
  }

  private static List<Object> makeAll(DataType type, JsonNode forms) throws UnknownHostException {
    List<Object> all = new ArrayList<>();
    for (JsonNode form : forms) {
      all.add(make(type, form));
    }
    return all;
  }

  private static Object makeNative(String type, JsonNode form) throws UnknownHostException {
    String text = form.asText();
    switch (type) {
      case "ascii":
      case "text":
        return text;
      case "boolean":
        return form.booleanValue();
      case "tinyint":
        return Byte.valueOf(text);
      case "smallint":
        return Short.valueOf(text);
      case "int":
        return Integer.valueOf(text);
      case "bigint":
        return Long.valueOf(text);
      case "varint":
        return new BigInteger(text);
      case "decimal":
        return new BigDecimal(text);
      case "float":
        return Float.valueOf(text);
      case "double":
        return Double.valueOf(text);
      case "blob":
        return Bytes.fromHexString("0x" + text);
      case "uuid":
      case "timeuuid":
        return UUID.fromString(text);
      case "inet":
        return InetAddress.getByName(text);
      case "date":
        return LocalDate.ofEpochDay(Long.parseLong(text));
      case "time":
        return LocalTime.ofNanoOfDay(Long.parseLong(text));
      case "timestamp":
        return Instant.ofEpochMilli(Long.parseLong(text));
      case "duration":
        return CqlDuration.newInstance(
            form.get(0).asInt(), form.get(1).asInt(), Long.parseLong(form.get(2).asText()));
      default:
        throw new IllegalArgumentException(type);
    }
  }

  /**
   * Whether the driver gave this form's value, and of the right type. The driver's types say themselves what is equal:
   * a decimal minds its scale, NaN equals NaN, and 0.0 is not -0.0.
   */
  static boolean equal(DataType type, JsonNode form, Object value) throws UnknownHostException {
    return Objects.equals(make(type, form), value);
  }
}
