import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;

/** Connecting as the script's contract says: one contact point, token-aware, QUORUM, patient. */
final class Connection {
  static final List<String> CONTACT_POINTS = List.of(System.getenv("TEST_CONTACT_POINTS").split(","));

  private Connection() {}

  /** Where the server does not speak the version or has not the compression, the driver refuses to connect. */
  static CqlSession open() {
    Duration patient = Duration.ofSeconds(60);
    DriverConfigLoader config =
        DriverConfigLoader.programmaticBuilder()
            .withString(DefaultDriverOption.PROTOCOL_VERSION, "V" + System.getenv("TEST_PROTOCOL_VERSION"))
            .withString(DefaultDriverOption.PROTOCOL_COMPRESSION, System.getenv("TEST_COMPRESSION"))
            .withString(DefaultDriverOption.REQUEST_CONSISTENCY, "QUORUM")
            .withDuration(DefaultDriverOption.REQUEST_TIMEOUT, patient)
            .withDuration(DefaultDriverOption.CONNECTION_CONNECT_TIMEOUT, patient)
            .withDuration(DefaultDriverOption.CONNECTION_INIT_QUERY_TIMEOUT, patient)
            .withDuration(DefaultDriverOption.CONTROL_CONNECTION_TIMEOUT, patient)
            .withDuration(DefaultDriverOption.METADATA_SCHEMA_REQUEST_TIMEOUT, patient)
            // By default each change of schema waits a second for others to come, and the script has many.
            .withDuration(DefaultDriverOption.METADATA_SCHEMA_WINDOW, Duration.ZERO)
            // Closing waits two seconds by default for requests that nobody makes here.
            .withInt(DefaultDriverOption.NETTY_IO_SHUTDOWN_QUIET_PERIOD, 0)
            .withInt(DefaultDriverOption.NETTY_ADMIN_SHUTDOWN_QUIET_PERIOD, 0)
            .build();
    return CqlSession.builder()
        .addContactPoint(new InetSocketAddress(CONTACT_POINTS.get(0), 9042))
        .withLocalDatacenter("datacenter1")
        .withConfigLoader(config)
        .build();
  }
}
