import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;

/** Carries out tests/clients/script.json with the Java driver; tests/clients/README.md is the contract. */
public final class RunScript {
  private static final int INVALID = 0x2200;

  private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private final JsonNode script;
  private final Steps steps;
  private int failures;

  private RunScript(JsonNode script, Steps steps) {
    this.script = script;
    this.steps = steps;
  }

  private interface Action {
    void run() throws Exception;
  }

  /** Whether the step or one it belongs to stands in the table. */
  private static boolean listed(JsonNode table, String id) {
    for (Iterator<String> names = table.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (id.equals(name) || id.startsWith(name + "/")) {
        return true;
      }
    }
    return false;
  }

  private void failed(String id, Throwable why) {
    failures++;
    out.println("failed " + id + ": " + why.toString().replaceAll("\\s+", " "));
    if (!(why instanceof Failed)) {
      why.printStackTrace();
    }
  }

  private void report(String id, Action action) {
    try {
      action.run();
    } catch (Exception error) {
      failed(id, error);
      return;
    }
    out.println("ok " + id);
  }

  private void refused(JsonNode step, String id) {
    try {
      if (step.get("do").asText().equals("type")) {
        steps.simple(step.get("create").asText());
      } else {
        steps.carryOut(step);
      }
    } catch (Exception error) {
      if (Steps.codeOf(error) == INVALID) {
        out.println("refused " + id);
      } else {
        failed(id, error);
      }
      return;
    }
    failed(id, new Failed("it is not refused"));
  }

  private void cases(JsonNode step, String id) {
    if (step.get("do").asText().equals("type")) {
      try {
        steps.simple(step.get("create").asText());
      } catch (Exception error) {
        // Each case will fail, and say so.
        error.printStackTrace();
      }
    }
    for (int number = 0; number < step.get("cases").size(); number++) {
      int which = number;
      report(id + "/" + number, () -> steps.carryOutCase(step, which));
    }
  }

  private void run(String only) {
    JsonNode skipped = script.get("skipped").path(System.getenv("TEST_CLIENT"));
    for (JsonNode step : script.get("steps")) {
      String id = step.get("id").asText();
      if (!id.startsWith(only)) {
        continue;
      }
      if (listed(skipped, id)) {
        out.println("skipped " + id);
      } else if (listed(script.get("refused"), id)) {
        refused(step, id);
      } else if (step.has("cases")) {
        cases(step, id);
      } else {
        report(id, () -> steps.carryOut(step));
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    String text = Files.readString(Path.of(System.getenv("TEST_SCRIPT")));
    JsonNode script = new ObjectMapper().readTree(text.replace("${keyspace}", System.getenv("TEST_KEYSPACE")));
    String only = System.getenv("TEST_ONLY");
    int failures;
    try (Steps steps = new Steps(Connection.open())) {
      RunScript runner = new RunScript(script, steps);
      runner.run(only == null ? "" : only);
      failures = runner.failures;
    }
    System.exit(failures > 0 ? 1 : 0);
  }
}
