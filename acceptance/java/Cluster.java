import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** The broker under examination: the program that CLUSTER names, with arguments DATA_DIR PORT BROKERS. */
public final class Cluster implements AutoCloseable {
  static final Duration START_LIMIT = Duration.ofSeconds(60);
  static final int PORT_TRIES_MAX = 100;

  private final Path data;
  private final int port;
  private final int brokers;
  private Child process;

  public Cluster(Path data, int brokers) throws Exception {
    this.data = data;
    this.brokers = brokers;
    this.port = freePorts(brokers);
    start();
  }

  public String bootstrap() {
    return IntStream.range(0, brokers)
        .mapToObj(broker -> "127.0.0.1:" + (port + broker))
        .collect(Collectors.joining(","));
  }

  private void start() throws Exception {
    List<String> command = new ArrayList<>(List.of(Suite.needed("CLUSTER").split(" ")));
    command.addAll(List.of(data.toString(), Integer.toString(port), Integer.toString(brokers)));
    process = new Child("the cluster", data.resolveSibling(data.getFileName() + ".log"), command);
    process.expect("ready", START_LIMIT);
  }

  /** Kills the brokers without a warning and starts them again. */
  public void killAndStart() throws Exception {
    process.kill();
    start();
  }

  public void stopAndStart() throws Exception {
    process.stop();
    start();
  }

  @Override
  public void close() {
    process.close();
  }

  /** The first of so many neighbouring ports that nobody has. */
  private static int freePorts(int count) throws IOException {
    for (int attempt = 0; attempt < PORT_TRIES_MAX; attempt++) {
      List<ServerSocket> held = new ArrayList<>();
      try {
        held.add(new ServerSocket(0));
        int first = held.get(0).getLocalPort();
        for (int next = first + 1; next < first + count; next++) {
          held.add(new ServerSocket(next));
        }
        return first;
      } catch (IOException | IllegalArgumentException taken) {
        // Somebody has a neighbour; another place is tried.
      } finally {
        for (ServerSocket socket : held) {
          socket.close();
        }
      }
    }
    throw new IOException("no " + count + " neighbouring ports are free");
  }
}
