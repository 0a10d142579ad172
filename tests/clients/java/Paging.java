import com.datastax.oss.driver.api.core.cql.AsyncResultSet;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.Statement;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Reading page by page. */
final class Paging {
  private Paging() {}

  static void page(Steps steps, JsonNode step) throws Exception {
    List<Row> rows = new ArrayList<>();
    int pages = 0;
    ByteBuffer state = null;
    AsyncResultSet result = null;
    do {
      result = result == null || step.path("resume").asBoolean()
          ? execute(steps, step, state)
          : result.fetchNextPage().toCompletableFuture().get();
      int before = rows.size();
      result.currentPage().forEach(rows::add);
      pages += rows.size() > before ? 1 : 0;
      state = result.getExecutionInfo().getPagingState();
    } while (result.hasMorePages());
    Failed.unless(pages >= step.get("pages_min").asInt(), pages + " pages");
    if (step.has("filled")) {
      compareFilled(step.get("filled"), rows);
    } else {
      Steps.compare(step, rows);
    }
  }

  private static AsyncResultSet execute(Steps steps, JsonNode step, ByteBuffer state) throws Exception {
    Statement<?> statement = step.path("prepared").asBoolean()
        ? steps.at(step, steps.session.prepare(step.get("cql").asText()).bind())
        : steps.simpleOf(step);
    statement = statement.setPageSize(step.get("page_size").asInt()).setPagingState(state);
    return steps.session.executeAsync(statement).toCompletableFuture().get();
  }

  private static void compareFilled(JsonNode filled, List<Row> rows) throws Failed {
    List<String> wanted = new ArrayList<>();
    for (int p = 0; p < filled.get("partitions").asInt(); p++) {
      for (int c = 0; c < filled.get("rows").asInt(); c++) {
        wanted.add(p + "," + c + "," + p + "-" + c);
      }
    }
    List<String> found = new ArrayList<>();
    // A stable sort by partition: within each, the rows have to be in order already.
    rows.sort(Comparator.comparingInt(row -> row.getInt("p")));
    rows.forEach(row -> found.add(row.getInt("p") + "," + row.getInt("c") + "," + row.getString("v")));
    Failed.unless(found.equals(wanted), rows.size() + " rows, or others than were written");
  }
}
