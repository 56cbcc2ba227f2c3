import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.WindowStore;

/**
 * A stream processor with state: copies its input, counts words behind a repartition topic, and counts them again in
 * windows that speak when they close. Arguments: BOOTSTRAP APPLICATION STATE_DIR GUARANTEE STANDBYS.
 *
 * <p>Says "running" when it is; answers "count WORD" with "count N" from its store; ends itself in good order at
 * "close".
 */
public final class WordCount {
  static final String INPUT = "words";
  static final String COPIES = "copies";
  static final String COUNTS = "counts";
  static final String WINDOWS = "windows";
  static final String STORE = "count-store";
  /** Length of a window in the records' time. */
  static final Duration WINDOW = Duration.ofSeconds(1);
  /** How late a record may be: partitions are not read at the same pace. */
  static final Duration GRACE = Duration.ofMinutes(5);
  static final Duration CLOSE_LIMIT = Duration.ofSeconds(30);

  private WordCount() {}

  public static void main(String[] arguments) throws Exception {
    Properties settings = settings(arguments);
    KafkaStreams streams = new KafkaStreams(topology(), settings);
    streams.setStateListener(
        (now, before) -> {
          if (now == KafkaStreams.State.RUNNING) {
            System.out.println("running");
          } else if (now == KafkaStreams.State.ERROR) {
            System.out.println("error");
          }
        });
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
              .REPLACE_THREAD;
        });
    streams.start();
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
    for (String order = orders.readLine(); order != null; order = orders.readLine()) {
      if (order.equals("close")) {
        System.out.println("closed " + streams.close(CLOSE_LIMIT));
        return;
      }
      System.out.println("count " + count(streams, order.substring("count ".length())));
    }
    // Whoever started this program is gone.
    Runtime.getRuntime().halt(1);
  }

  static Properties settings(String[] arguments) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", arguments[0]);
    settings.put("application.id", arguments[1]);
    settings.put("state.dir", arguments[2]);
    settings.put("processing.guarantee", arguments[3]);
    settings.put("num.standby.replicas", arguments[4]);
    settings.put("num.stream.threads", "2");
    settings.put("replication.factor", "-1");
    settings.put("commit.interval.ms", "200");
    settings.put("repartition.purge.interval.ms", "1000");
    // Every change of a count is to be seen.
    settings.put("statestore.cache.max.bytes", "0");
    settings.put("acceptable.recovery.lag", "0");
    settings.put("probing.rebalance.interval.ms", "60000");
    // The shortest that brokers allow: a killed instance is missed soon.
    settings.put("consumer.session.timeout.ms", "6000");
    settings.put("consumer.auto.offset.reset", "earliest");
    settings.put("default.key.serde", Serdes.StringSerde.class);
    settings.put("default.value.serde", Serdes.StringSerde.class);
    return settings;
  }

  static Topology topology() {
    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, String> input = builder.stream(INPUT, Consumed.with(Serdes.String(), Serdes.String()));
    input.to(COPIES);
    KGroupedStream<String, String> words =
        input.map((id, word) -> KeyValue.pair(word, id)).groupByKey(Grouped.as("by-word"));
    words
        .count(Materialized.as(STORE))
        .toStream()
        .mapValues(count -> Long.toString(count))
        .to(COUNTS, Produced.with(Serdes.String(), Serdes.String()));
    words
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
        .count(
            Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("window-store")
                .withKeySerde(Serdes.String())
                .withValueSerde(Serdes.Long()))
        .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
        .toStream()
        .map((at, count) -> KeyValue.pair(at.key() + "@" + at.window().start(), Long.toString(count)))
        .to(WINDOWS, Produced.with(Serdes.String(), Serdes.String()));
    return builder.build();
  }

  /** What the store says now; -1 while it cannot be asked, or if it is elsewhere. */
  static long count(KafkaStreams streams, String word) {
    try {
      var store =
          streams.store(StoreQueryParameters.fromNameAndType(STORE, QueryableStoreTypes.<String, Long>keyValueStore()));
      Long count = store.get(word);
      return count == null ? -1 : count;
    } catch (org.apache.kafka.streams.errors.InvalidStateStoreException moving) {
      return -1;
    }
  }
}
