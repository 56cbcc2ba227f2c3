import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka Streams against the brokers that CLUSTER names: one application is killed, loses its state, is closed and
 * opened, and so are the brokers, while records come in. Afterwards input and output are compared record by record.
 * Reads CLUSTER and DATA.
 */
public final class StreamsSuite {
  static final int BROKERS = 3;
  static final int PARTITIONS = 4;
  static final int WORDS = 50;
  static final String APPLICATION = "word-count";
  /** Records between two events, and time between two records in the records' own time. */
  static final int LOT = 2_000;
  static final int STEP_MS = 2;
  /** Recent, or the brokers would delete what is past its retention. */
  static final long FIRST_MS = System.currentTimeMillis();
  static final Duration RUN_LIMIT = Duration.ofSeconds(90);

  final Path data = Path.of(Suite.needed("DATA"));
  final Cluster cluster;
  final Admin admin;
  final KafkaProducer<String, String> producer;
  int written;
  /** Added to the records' own time. */
  long aheadMs;
  final Map<String, Long> wanted = new TreeMap<>();

  StreamsSuite() throws Exception {
    Files.createDirectories(data);
    cluster = new Cluster(data.resolve("cluster"), BROKERS);
    admin = Admin.create(settings());
    Map<String, Object> more = settings();
    more.putAll(Map.of("acks", "all", "linger.ms", "2"));
    producer = new KafkaProducer<>(more, new StringSerializer(), new StringSerializer());
  }

  public static void main(String[] arguments) throws Exception {
    StreamsSuite streams = new StreamsSuite();
    streams.run("exactly_once_v2");
    Suite.close();
  }

  Map<String, Object> settings() {
    return new HashMap<>(Map.of("bootstrap.servers", cluster.bootstrap()));
  }

  Child open(String instance, String guarantee, int standbys) throws Exception {
    return Child.java(
        instance,
        data.resolve(instance + ".log"),
        "WordCount",
        cluster.bootstrap(),
        APPLICATION,
        data.resolve(instance).toString(),
        guarantee,
        Integer.toString(standbys));
  }

  void run(String guarantee) throws Exception {
    List<NewTopic> topics = new ArrayList<>();
    for (String topic : List.of(WordCount.INPUT, WordCount.COPIES, WordCount.COUNTS, WordCount.WINDOWS)) {
      topics.add(new NewTopic(topic, PARTITIONS, (short) BROKERS));
    }
    admin.createTopics(topics).all().get(60, TimeUnit.SECONDS);
    Suite.check("an_application_runs", () -> {
      try (Child one = open("one", guarantee, 0)) {
        one.expect("running", RUN_LIMIT);
        write(LOT);
        processed();
        one.say("close");
        Suite.equal("closed", one.expect("closed", RUN_LIMIT), "true");
      }
    });
    Suite.check("it_goes_on_after_it_was_closed_and_after_it_was_killed", () -> {
      try (Child one = open("one", guarantee, 0)) {
        one.expect("running", RUN_LIMIT);
        write(LOT);
        one.kill();
      }
      try (Child one = open("one", guarantee, 0)) {
        write(LOT);
        processed();
        one.kill();
      }
    });
    Suite.check("it_goes_on_after_its_state_was_lost", () -> {
      delete(data.resolve("one"));
      try (Child one = open("one", guarantee, 0)) {
        write(LOT);
        processed();
        stored(one);
      }
    });
    Suite.check("it_goes_on_after_the_brokers_were_killed", () -> {
      try (Child one = open("one", guarantee, 1); Child two = open("two", guarantee, 1)) {
        one.expect("running", RUN_LIMIT);
        two.expect("running", RUN_LIMIT);
        write(LOT);
        cluster.killAndStart();
        write(LOT);
        processed();
        write(LOT);
        cluster.stopAndStart();
        write(LOT);
        one.kill();
        write(LOT);
        processed();
        closeWindows();
        processed();
        two.say("close");
        two.expect("closed", RUN_LIMIT);
      }
    });
    Suite.check("every_record_is_copied_exactly_once", this::copies);
    Suite.check("every_count_is_told_exactly_once", this::counts);
    Suite.check("every_window_is_told_exactly_once", this::windows);
    Suite.check("what_was_repartitioned_is_purged", this::purged);
    Suite.check("internal_topics_have_their_settings", this::internalTopics);
  }

  /** Writes so many records more. */
  void write(int count) throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (int at = 0; at < count; at++, written++) {
      String word = "word-" + (written * 31 % WORDS);
      wanted.merge(word, 1L, Long::sum);
      sent.add(
          producer.send(
              new ProducerRecord<>(
                  WordCount.INPUT, written % PARTITIONS, FIRST_MS + aheadMs + (long) written * STEP_MS, "id-" + written, word)));
    }
    for (Future<RecordMetadata> one : sent) {
      one.get(60, TimeUnit.SECONDS);
    }
  }

  /** Has time pass in every partition of the words, so that all windows before close. */
  void closeWindows() throws Exception {
    aheadMs = 2 * WordCount.GRACE.toMillis();
    write(WORDS);
  }

  /** Waits until the application has committed all of its input, and that of its inner topic. */
  void processed() throws Exception {
    Suite.until("the application has read everything", RUN_LIMIT, () -> {
      Map<TopicPartition, Long> ends = ends(List.of(WordCount.INPUT, APPLICATION + "-by-word-repartition"));
      var committed =
          admin.listConsumerGroupOffsets(APPLICATION).partitionsToOffsetAndMetadata().get(60, TimeUnit.SECONDS);
      for (var end : ends.entrySet()) {
        var at = committed.get(end.getKey());
        // Behind the last record of a transaction stands its marker.
        if (end.getValue() > 0 && (at == null || at.offset() < end.getValue() - 1)) {
          return false;
        }
      }
      return counted();
    });
  }

  Map<String, Long> last = new HashMap<>();

  boolean counted() {
    last.clear();
    read(WordCount.COUNTS, record -> last.merge(record.key(), Long.parseLong(record.value()), Math::max));
    return last.equals(wanted);
  }

  Map<TopicPartition, Long> ends(List<String> topics) throws Exception {
    Map<TopicPartition, OffsetSpec> specs = new HashMap<>();
    for (String topic : topics) {
      for (int partition = 0; partition < PARTITIONS; partition++) {
        specs.put(new TopicPartition(topic, partition), OffsetSpec.latest());
      }
    }
    Map<TopicPartition, Long> ends = new HashMap<>();
    admin.listOffsets(specs).all().get(60, TimeUnit.SECONDS).forEach((at, found) -> ends.put(at, found.offset()));
    return ends;
  }

  /** All committed records of a topic. */
  void read(String topic, Consumer<ConsumerRecord<String, String>> each) {
    Map<String, Object> more = settings();
    more.putAll(Map.of("isolation.level", "read_committed", "enable.auto.commit", "false"));
    try (var consumer = new KafkaConsumer<>(more, new StringDeserializer(), new StringDeserializer())) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (int partition = 0; partition < PARTITIONS; partition++) {
        partitions.add(new TopicPartition(topic, partition));
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        consumer.poll(Duration.ofSeconds(1)).forEach(each);
      }
    }
  }

  void copies() {
    Map<String, Integer> seen = new HashMap<>();
    read(WordCount.COPIES, record -> seen.merge(record.key(), 1, Integer::sum));
    Suite.equal("different copies", seen.size(), written);
    Suite.equal("copies more than once", seen.values().stream().filter(times -> times > 1).count(), 0L);
  }

  void counts() {
    Map<String, Long> before = new HashMap<>();
    read(WordCount.COUNTS, record -> {
      long count = Long.parseLong(record.value());
      Suite.equal("next count of " + record.key(), count, before.merge(record.key(), 1L, Long::sum));
    });
    Suite.equal("last counts", before, new HashMap<>(wanted));
  }

  void windows() {
    Set<String> told = new HashSet<>();
    long[] sum = {0};
    read(WordCount.WINDOWS, record -> {
      Suite.holds(record.key() + " is told twice", told.add(record.key()));
      sum[0] += Long.parseLong(record.value());
    });
    // The windows of those records that made time pass are still open.
    Suite.equal("records in the windows told", sum[0], (long) written - WORDS);
  }

  void stored(Child application) throws Exception {
    for (String word : List.of("word-1", "word-7")) {
      application.say("count " + word);
      Suite.equal("stored count of " + word, application.expect("count", RUN_LIMIT), Long.toString(wanted.get(word)));
    }
  }

  void purged() throws Exception {
    Map<TopicPartition, OffsetSpec> specs = new HashMap<>();
    for (int partition = 0; partition < PARTITIONS; partition++) {
      specs.put(new TopicPartition(APPLICATION + "-by-word-repartition", partition), OffsetSpec.earliest());
    }
    long purged = 0;
    for (var found : admin.listOffsets(specs).all().get(60, TimeUnit.SECONDS).values()) {
      purged += found.offset();
    }
    Suite.holds("nothing was purged", purged > 0);
  }

  void internalTopics() throws Exception {
    Map<String, String> policies =
        Map.of(
            APPLICATION + "-by-word-repartition", "delete",
            APPLICATION + "-" + WordCount.STORE + "-changelog", "compact",
            APPLICATION + "-window-store-changelog", "compact,delete");
    for (var policy : policies.entrySet()) {
      ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, policy.getKey());
      var configs = admin.describeConfigs(List.of(topic)).all().get(60, TimeUnit.SECONDS).get(topic);
      Suite.equal(policy.getKey(), configs.get("cleanup.policy").value(), policy.getValue());
      Suite.equal("timestamps of " + policy.getKey(), configs.get("message.timestamp.type").value(), "CreateTime");
    }
  }

  static void delete(Path folder) throws Exception {
    try (var paths = Files.walk(folder)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
