import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.cql.BoundStatement;
import com.datastax.oss.driver.api.core.cql.PreparedStatement;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import com.datastax.oss.driver.api.core.metadata.Node;
import com.datastax.oss.driver.api.core.metadata.NodeState;
import com.datastax.oss.driver.api.core.metadata.TokenMap;
import com.datastax.oss.driver.api.core.metadata.schema.ColumnMetadata;
import com.datastax.oss.driver.api.core.metadata.schema.KeyspaceMetadata;
import com.datastax.oss.driver.api.core.metadata.schema.TableMetadata;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/** The steps about what the driver knows of the cluster: nodes, schema, events, tokens. */
final class MetadataSteps implements AutoCloseable {
  private static final Duration HANG_GUARD = Duration.ofSeconds(60);

  private final Steps steps;
  private CqlSession observer;

  MetadataSteps(Steps steps) {
    this.steps = steps;
  }

  @Override
  public void close() {
    if (observer != null) {
      observer.close();
    }
  }

  void nodes() throws Failed {
    TreeSet<String> addresses = new TreeSet<>();
    for (Node node : steps.session.getMetadata().getNodes().values()) {
      addresses.add(node.getBroadcastRpcAddress().orElseThrow().getAddress().getHostAddress());
      boolean good = node.getState() == NodeState.UP && node.getDatacenter() != null;
      Failed.unless(good, node + " is down or has no data centre");
    }
    Failed.unless(addresses.equals(new TreeSet<>(Connection.CONTACT_POINTS)), "nodes " + addresses);
  }

  /** The driver completes a change of schema only when its own metadata shows it. */
  void keyspace(JsonNode step) throws Failed {
    Map<String, String> replication =
        steps.session.getMetadata().getKeyspace(Steps.identifier(step.get("keyspace"))).orElseThrow().getReplication();
    String name = replication.get("class");
    name = name.substring(name.lastIndexOf('.') + 1);
    Failed.unless(name.equals(step.get("replication_class").asText()), "class " + name);
    String factor = replication.get("replication_factor");
    Failed.unless(step.get("replication_factor").asText().equals(factor), "replication factor " + factor);
  }

  void table(JsonNode step) throws Failed {
    TableMetadata table = seen(steps.session, step).orElseThrow();
    ObjectNode shown = new ObjectMapper().createObjectNode();
    for (ColumnMetadata column : table.getPartitionKey()) {
      shown.withArray("partition_key").add(column.getName().asInternal());
    }
    shown.putArray("clustering_key");
    table
        .getClusteringColumns()
        .forEach(
            (column, order) ->
                shown.withArray("clustering_key").addArray().add(column.getName().asInternal()).add(order.name()));
    shown.putArray("static");
    ObjectNode columns = shown.putObject("columns");
    for (ColumnMetadata column : table.getColumns().values()) {
      columns.put(column.getName().asInternal(), column.getType().asCql(true, false));
      if (column.isStatic()) {
        shown.withArray("static").add(column.getName().asInternal());
      }
    }
    for (String part : List.of("partition_key", "clustering_key", "static", "columns")) {
      Failed.unless(shown.get(part).equals(step.get(part)), part + ": " + shown.get(part));
    }
  }

  private static Optional<TableMetadata> seen(CqlSession session, JsonNode step) {
    Optional<KeyspaceMetadata> keyspace = session.getMetadata().getKeyspace(Steps.identifier(step.get("keyspace")));
    return keyspace.flatMap(found -> found.getTable(Steps.identifier(step.get("table"))));
  }

  void event(JsonNode step) throws Exception {
    if (observer == null) {
      observer = Connection.open();
    }
    steps.simple(step.get("cql").asText());
    long giveUp = System.nanoTime() + HANG_GUARD.toNanos();
    while (isSeen(step) != step.get("present").asBoolean()) {
      Failed.unless(System.nanoTime() < giveUp, "the other client has not heard of it");
      Thread.sleep(20);
    }
  }

  private boolean isSeen(JsonNode step) {
    if (!step.has("table")) {
      return observer.getMetadata().getKeyspace(Steps.identifier(step.get("keyspace"))).isPresent();
    }
    Optional<TableMetadata> table = seen(observer, step);
    return step.has("column")
        ? table.flatMap(found -> found.getColumn(Steps.identifier(step.get("column")))).isPresent()
        : table.isPresent();
  }

  void tokens(JsonNode step) throws Exception {
    steps.simple(step.get("create").asText());
    PreparedStatement insert = steps.session.prepare(step.get("insert").asText());
    int keySize = step.get("types").size();
    Map<List<Object>, ByteBuffer> routingKeys = new HashMap<>();
    List<BoundStatement> all = new ArrayList<>();
    for (JsonNode forms : step.get("keys")) {
      BoundStatement one = steps.bind(insert, step.get("types"), forms);
      List<Object> key = new ArrayList<>();
      for (int at = 0; at < keySize; at++) {
        key.add(one.getObject(at));
      }
      routingKeys.put(key, one.getRoutingKey());
      all.add(one);
    }
    steps.concurrently(all);
    TokenMap map = steps.session.getMetadata().getTokenMap().orElseThrow();
    int rows = 0;
    SimpleStatement select = SimpleStatement.newInstance(step.get("select").asText()).setPageSize(100);
    for (Row row : steps.session.execute(select)) {
      rows++;
      List<Object> key = new ArrayList<>();
      for (int at = 0; at < keySize; at++) {
        key.add(row.getObject(at));
      }
      ByteBuffer routingKey = routingKeys.get(key);
      Failed.unless(routingKey != null, "no routing key, or never written: " + key);
      String own = map.format(map.newToken(routingKey));
      String wanted = Long.toString(row.getLong("t"));
      Failed.unless(own.equals(wanted), "token " + own + " instead of the server's " + wanted + " for " + key);
      int replicas = map.getReplicas(Steps.identifier(step.get("keyspace")), routingKey).size();
      Failed.unless(replicas == step.get("replicas").asInt(), replicas + " replicas for " + key);
    }
    Failed.unless(rows == step.get("keys").size(), rows + " keys instead of " + step.get("keys").size());
  }
}
