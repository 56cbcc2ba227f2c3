import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;

/** What the Java suites share: their settings, their checks, their closing line. See ../README.md for the contract. */
final class Suite {
  /** How long a client may take; far above what is needed. */
  static final long WAIT_SECONDS = 60;

  private static final int REASON_CHARS_MAX = 600;
  private static int passed;
  private static int failed;
  private static int skipped;

  private Suite() {}

  /** A check that cannot be made here; its message is the reason. */
  static final class Skip extends RuntimeException {
    Skip(String reason) {
      super(reason);
    }
  }

  /** The proof of a check. */
  interface Check {
    void run() throws Exception;
  }

  /** Runs a check at once; ONLY=a,b chooses some, SKIP=c leaves out. */
  static void check(String name, Check body) {
    List<String> only = List.of(env("ONLY", name).split(","));
    if (!only.contains(name) || List.of(env("SKIP", "").split(",")).contains(name)) {
      return;
    }
    long started = System.nanoTime();
    try {
      body.run();
      passed++;
      System.out.printf("PASS %s (%.1f s)%n", name, (System.nanoTime() - started) / 1e9);
    } catch (Skip reason) {
      skipped++;
      System.out.printf("SKIP %s: %s%n", name, reason.getMessage());
    } catch (Exception | AssertionError error) {
      failed++;
      String reason = error.toString().replaceAll("\\s+", " ");
      System.out.printf("FAIL %s: %s%n", name, reason.substring(0, Math.min(reason.length(), REASON_CHARS_MAX)));
      if (!env("TRACE", "").isEmpty()) {
        error.printStackTrace();
      }
    }
  }

  /** Prints the counts and leaves, with 1 if any check failed. */
  static void close() {
    System.out.printf("%d passed, %d failed, %d skipped%n", passed, failed, skipped);
    System.exit(failed == 0 ? 0 : 1);
  }

  /** Reads a setting or its default. */
  static String env(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }

  /** Fails with both values when they differ. */
  static void equal(String what, Object got, Object wanted) {
    if (!wanted.equals(got)) {
      throw new AssertionError(what + ": got " + got + ", wanted " + wanted);
    }
  }

  /** Reads a setting that there is no default for. */
  static String needed(String name) {
    String value = env(name, "");
    if (value.isEmpty()) {
      throw new IllegalStateException(name + " is not set");
    }
    return value;
  }

  /** Fails if it is not so. */
  static void holds(String what, boolean condition) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }

  /** Asks again until the probe answers true. */
  static void until(String what, Callable<Boolean> probe) throws Exception {
    until(what, Duration.ofSeconds(WAIT_SECONDS), probe);
  }

  /** Asks again until the probe answers true, for so long. */
  static void until(String what, Duration limit, Callable<Boolean> probe) throws Exception {
    long deadline = System.nanoTime() + limit.toNanos();
    while (!probe.call()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError(what + ": not within " + limit.toSeconds() + " s");
      }
      Thread.sleep(50);
    }
  }
}
