import com.datastax.oss.driver.api.core.CqlIdentifier;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import com.datastax.oss.driver.api.core.cql.BatchStatement;
import com.datastax.oss.driver.api.core.cql.BatchStatementBuilder;
import com.datastax.oss.driver.api.core.cql.BoundStatement;
import com.datastax.oss.driver.api.core.cql.ColumnDefinition;
import com.datastax.oss.driver.api.core.cql.DefaultBatchType;
import com.datastax.oss.driver.api.core.cql.PreparedStatement;
import com.datastax.oss.driver.api.core.cql.ResultSet;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import com.datastax.oss.driver.api.core.cql.Statement;
import com.datastax.oss.driver.api.core.servererrors.AlreadyExistsException;
import com.datastax.oss.driver.api.core.servererrors.InvalidConfigurationInQueryException;
import com.datastax.oss.driver.api.core.servererrors.InvalidQueryException;
import com.datastax.oss.driver.api.core.servererrors.SyntaxError;
import com.datastax.oss.driver.api.core.servererrors.UnavailableException;
import com.datastax.oss.driver.api.core.type.DataType;
import com.datastax.oss.protocol.internal.util.Bytes;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;

/** The steps of the script, by what they do (tests/clients/README.md, "Steps"). */
final class Steps implements AutoCloseable {
  private static final int CONCURRENCY = 64;

  /** The driver gives each of the server's errors a class of its own, which does not carry the code. */
  private static final Map<Class<?>, Integer> CODES =
      Map.of(
          UnavailableException.class, 0x1000,
          SyntaxError.class, 0x2000,
          InvalidQueryException.class, 0x2200,
          InvalidConfigurationInQueryException.class, 0x2300,
          AlreadyExistsException.class, 0x2400);

  final CqlSession session;
  private final Map<String, PreparedStatement> prepared = new HashMap<>();
  private final MetadataSteps metadata;

  Steps(CqlSession session) {
    this.session = session;
    this.metadata = new MetadataSteps(this);
  }

  @Override
  public void close() {
    metadata.close();
    session.close();
  }

  /** The code of the server's error, 0 if the error is not the server's. */
  static int codeOf(Throwable error) {
    return CODES.getOrDefault(error.getClass(), 0);
  }

  void carryOut(JsonNode step) throws Exception {
    switch (step.get("do").asText()) {
      case "execute":
        check(step, attempt(step, () -> session.execute(simpleOf(step))));
        break;
      case "prepare":
        PreparedStatement made = attempt(step, () -> session.prepare(step.get("cql").asText()));
        prepared.put(step.get("name").asText(), made);
        break;
      case "run":
        BoundStatement bound = bind(prepared.get(step.get("name").asText()), step.get("bind"));
        check(step, attempt(step, () -> session.execute(at(step, bound))));
        break;
      case "nodes":
        metadata.nodes();
        break;
      case "keyspace":
        metadata.keyspace(step);
        break;
      case "table":
        metadata.table(step);
        break;
      case "keys":
        keys(step);
        break;
      case "fill":
        fill(step);
        break;
      case "page":
        Paging.page(this, step);
        break;
      case "batch":
        attempt(step, () -> session.execute(batch(step)));
        break;
      case "event":
        metadata.event(step);
        break;
      case "tokens":
        metadata.tokens(step);
        break;
      case "routed":
        routed(step);
        break;
      default:
        throw new Failed("unknown step " + step.get("do"));
    }
  }

  void carryOutCase(JsonNode step, int number) throws Exception {
    JsonNode one = step.get("cases").get(number);
    switch (step.get("do").asText()) {
      case "type":
        type(step, number, one);
        break;
      case "large":
        large(step, number, one);
        break;
      default:
        throw new Failed("unknown step " + step.get("do"));
    }
  }

  ResultSet simple(String cql) {
    return session.execute(SimpleStatement.newInstance(cql));
  }

  SimpleStatement simpleOf(JsonNode step) {
    return (SimpleStatement) at(step, SimpleStatement.newInstance(step.get("cql").asText()));
  }

  Statement<?> at(JsonNode step, Statement<?> statement) {
    return step.has("consistency")
        ? statement.setConsistencyLevel(DefaultConsistencyLevel.valueOf(step.get("consistency").asText()))
        : statement;
  }

  /** Runs `action` and checks its error, if the step wants one; null where there was one. */
  private <T> T attempt(JsonNode step, Callable<T> action) throws Exception {
    String wanted = step.path("error").asText(null);
    T result;
    try {
      result = action.call();
    } catch (Exception error) {
      if (wanted == null || codeOf(error) == 0) {
        throw error;
      }
      String code = String.format("0x%04x", codeOf(error));
      Failed.unless(code.equals(wanted), "error " + code + " instead of " + wanted + ": " + error);
      return null;
    }
    Failed.unless(wanted == null, "no error instead of " + wanted);
    return result;
  }

  /** The answer has the columns and rows of the step. */
  private static void check(JsonNode step, ResultSet result) throws Exception {
    if (result == null || !step.has("columns")) {
      return;
    }
    List<String> names = new ArrayList<>();
    List<String> wanted = new ArrayList<>();
    for (ColumnDefinition column : result.getColumnDefinitions()) {
      names.add(column.getName().asInternal());
    }
    step.get("columns").forEach(column -> wanted.add(column.get(0).asText()));
    Failed.unless(names.equals(wanted), "columns " + names + " instead of " + wanted);
    compare(step, result.all());
  }

  static void compare(JsonNode step, List<Row> rows) throws Exception {
    JsonNode wanted = step.get("rows");
    boolean same = rows.size() == wanted.size();
    for (int at = 0; same && at < rows.size(); at++) {
      for (int n = 0; n < step.get("columns").size(); n++) {
        DataType type = Values.type(step.get("columns").get(n).get(1).asText());
        same = same && Values.equal(type, wanted.get(at).get(n), rows.get(at).getObject(n));
      }
    }
    if (!same) {
      List<String> shown = new ArrayList<>();
      rows.forEach(row -> shown.add(row.getFormattedContents()));
      throw new Failed("rows " + shown + " instead of " + wanted);
    }
  }

  /** `forms` is `[type, value]` for each marker; what is not set stays unset. */
  private BoundStatement bind(PreparedStatement statement, JsonNode forms) throws Exception {
    BoundStatement bound = statement.bind();
    for (int at = 0; at < forms.size(); at++) {
      bound = bind(bound, at, forms.get(at).get(0).asText(), forms.get(at).get(1));
    }
    return bound;
  }

  /** `types` and the forms of values, side by side. */
  BoundStatement bind(PreparedStatement statement, JsonNode types, JsonNode forms) throws Exception {
    BoundStatement bound = statement.bind();
    for (int at = 0; at < forms.size(); at++) {
      bound = bind(bound, at, types.get(at).asText(), forms.get(at));
    }
    return bound;
  }

  private BoundStatement bind(BoundStatement bound, int at, String typeName, JsonNode form) throws Exception {
    if (Values.isUnset(form)) {
      return bound;
    }
    DataType type = Values.type(typeName);
    Object value = Values.make(type, form);
    return value == null
        ? bound.setToNull(at)
        : bound.set(at, value, session.getContext().getCodecRegistry().codecFor(type, value));
  }

  private BatchStatement batch(JsonNode step) throws Exception {
    BatchStatementBuilder batch =
        BatchStatement.builder(DefaultBatchType.valueOf(step.get("kind").asText().toUpperCase()));
    if (step.has("timestamp")) {
      batch.setQueryTimestamp(Long.parseLong(step.get("timestamp").asText()));
    }
    for (JsonNode one : step.get("statements")) {
      String cql = one.get("cql").asText();
      if (one.has("bind")) {
        batch.addStatement(bind(session.prepare(cql), one.get("bind")));
      } else {
        batch.addStatement(SimpleStatement.newInstance(cql));
      }
    }
    return batch.build();
  }

  private Row one(String cql, int key) throws Failed {
    Row row = session.execute(session.prepare(cql).bind(key)).one();
    Failed.unless(row != null, "no row by " + cql);
    return row;
  }

  private void type(JsonNode step, int number, JsonNode of) throws Exception {
    String table = step.get("table").asText();
    DataType type = Values.type(step.get("type").asText());
    String literal = of.get("literal").asText();
    simple("INSERT INTO " + table + " (k, v) VALUES (" + number + ", " + literal + ")");
    BoundStatement insert = session.prepare("INSERT INTO " + table + " (k, v) VALUES (?, ?)").bind();
    insert = bind(insert.setInt(0, 1000 + number), 1, step.get("type").asText(), of.get("value"));
    session.execute(insert);
    for (int key : new int[] {number, 1000 + number}) {
      String way = key == number ? "literal" : "bound";
      Row row = one("SELECT v FROM " + table + " WHERE k = ?", key);
      // Of null the driver would make an empty collection.
      Object value = row.isNull(0) ? null : row.getObject(0);
      boolean same = Values.equal(type, of.get("value"), value);
      Failed.unless(same, way + ": " + value + " instead of " + of.get("value"));
      if (step.has("as_blob")) {
        String call = step.get("as_blob").asText() + "(v) AS b";
        ByteBuffer raw = one("SELECT " + call + " FROM " + table + " WHERE k = ?", key).getByteBuffer("b");
        String hex = raw == null ? null : Bytes.toHexString(raw).substring(2);
        String wanted = of.get("hex").textValue();
        Failed.unless(java.util.Objects.equals(hex, wanted), way + ": bytes " + hex + " instead of " + wanted);
      }
      if (step.path("filter").asBoolean() && !of.get("value").isNull()) {
        String where = "k = " + key + " AND v = " + literal + " ALLOW FILTERING";
        int found = simple("SELECT k FROM " + table + " WHERE " + where).all().size();
        Failed.unless(found == 1, way + ": not found by " + where);
      }
    }
  }

  private void keys(JsonNode step) throws Exception {
    simple(step.get("create").asText());
    String table = step.get("table").asText();
    String type = step.get("type").asText();
    JsonNode values = step.get("values");
    PreparedStatement insert = session.prepare("INSERT INTO " + table + " (p, c) VALUES (?, ?)");
    PreparedStatement select = session.prepare("SELECT p, c FROM " + table + " WHERE p = ? AND c = ?");
    for (JsonNode form : values) {
      session.execute(bind(bind(insert.bind(), 0, type, values.get(0)), 1, type, form));
      session.execute(bind(bind(insert.bind(), 0, type, form), 1, type, form));
    }
    for (JsonNode form : values) {
      List<Row> rows = session.execute(bind(bind(select.bind(), 0, type, form), 1, type, form)).all();
      Failed.unless(rows.size() == 1, rows.size() + " rows for " + form);
      for (int at = 0; at < 2; at++) {
        Object key = rows.get(0).getObject(at);
        Failed.unless(Values.equal(Values.type(type), form, key), key + " instead of " + form);
      }
    }
  }

  private void large(JsonNode step, int number, JsonNode of) throws Exception {
    if (number == 0) {
      simple(step.get("create").asText());
    }
    String table = step.get("table").asText();
    byte[] value = new byte[of.get("size_bytes").asInt()];
    for (int i = 0; i < value.length; i++) {
      value[i] = (byte) (i * 31L % 251);
    }
    session.execute(
        session.prepare("INSERT INTO " + table + " (k, v) VALUES (?, ?)").bind(number, ByteBuffer.wrap(value)));
    ByteBuffer back = one("SELECT v FROM " + table + " WHERE k = ?", number).getByteBuffer(0);
    Failed.unless(ByteBuffer.wrap(value).equals(back), "another value came back");
  }

  /** Executes all, a number at a time. */
  void concurrently(List<BoundStatement> all) throws Exception {
    Semaphore places = new Semaphore(CONCURRENCY);
    AtomicReference<Throwable> first = new AtomicReference<>();
    for (BoundStatement one : all) {
      places.acquire();
      session
          .executeAsync(one)
          .whenComplete(
              (result, error) -> {
                if (error != null) {
                  first.compareAndSet(null, error);
                }
                places.release();
              });
    }
    places.acquire(CONCURRENCY);
    if (first.get() != null) {
      throw new Exception(first.get());
    }
  }

  private void fill(JsonNode step) throws Exception {
    PreparedStatement insert = session.prepare(step.get("cql").asText());
    List<BoundStatement> all = new ArrayList<>();
    for (int p = 0; p < step.get("partitions").asInt(); p++) {
      for (int c = 0; c < step.get("rows").asInt(); c++) {
        all.add(insert.bind(p, c, p + "-" + c));
      }
    }
    concurrently(all);
  }

  private void routed(JsonNode step) throws Exception {
    PreparedStatement statement = session.prepare(step.get("cql").asText());
    for (JsonNode forms : step.get("bind")) {
      session.execute(bind(statement, step.get("types"), forms));
    }
  }

  static CqlIdentifier identifier(JsonNode name) {
    return CqlIdentifier.fromInternal(name.asText());
  }
}
