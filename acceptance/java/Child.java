import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A program beside this one: talked to by lines, stopped or killed, and never left behind. */
public final class Child implements AutoCloseable {
  static final Duration STOP_LIMIT = Duration.ofSeconds(60);

  private final String name;
  private final Process process;
  private final BufferedWriter input;
  private final BlockingQueue<String> output = new LinkedBlockingQueue<>();

  /** Starts it; what it says on the error stream is appended to LOG. */
  public Child(String name, Path log, List<String> command) throws IOException {
    this.name = name;
    process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.appendTo(log.toFile())).start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    input = process.outputWriter();
    Thread reader = new Thread(this::read, name + " output");
    reader.setDaemon(true);
    reader.start();
  }

  /** A class of this program's own class path in a virtual machine of its own. */
  public static Child java(String name, Path log, String mainClass, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java", "-Xmx256m"));
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=" + logLevel()));
    command.addAll(List.of("-Dorg.slf4j.simpleLogger.defaultLogLevel=" + logLevel()));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), mainClass));
    command.addAll(List.of(arguments));
    return new Child(name, log, command);
  }

  private static String logLevel() {
    String level = System.getenv("LOG_LEVEL");
    return level == null ? "warn" : level;
  }

  private void read() {
    try (BufferedReader lines = process.inputReader()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        output.add(line);
      }
    } catch (IOException closed) {
      // The program was killed.
    }
  }

  /** Waits for a line that begins so, drops what came before it, and returns the rest of it. */
  public String expect(String beginning, Duration limit) throws InterruptedException {
    long end = System.nanoTime() + limit.toNanos();
    while (true) {
      String line = output.poll(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS);
      if (line == null) {
        throw new AssertionError(name + " did not say \"" + beginning + "\" within " + limit.toSeconds() + " s");
      }
      if (line.startsWith(beginning)) {
        return line.substring(beginning.length()).strip();
      }
    }
  }

  public void say(String line) throws IOException {
    input.write(line);
    input.newLine();
    input.flush();
  }

  /** As by kill -9. */
  public void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** As by kill. */
  public void stop() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
      kill();
      throw new AssertionError(name + " did not stop within " + STOP_LIMIT.toSeconds() + " s");
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
