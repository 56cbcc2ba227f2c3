import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Apache Kafka's Java client against a bought cluster. Reads BOOTSTRAP, RUN and PHASE; see ../README.md. */
public class KafkaClient {
  static final int RECORDS = 2_000;
  // What a phase writes and reads of the topic that lives through restarts.
  static final int WRITTEN = 1_000;
  static final int READ = 600;
  static final long WAIT_SECONDS = Suite.WAIT_SECONDS;
  static final int PHASE = Integer.parseInt(Suite.env("PHASE", "0"));

  public static void main(String[] arguments) throws Exception {
    if (PHASE == 0) {
      Suite.check("a_topic_cannot_be_created_twice", KafkaClient::createdTwice);
      for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
        Suite.check("records_travel_with_" + codec, () -> roundTrip(codec, Map.of("compression.type", codec)));
      }
      Suite.check("records_travel_without_idempotence", () -> roundTrip("plain", Map.of("enable.idempotence", "false")));
      Suite.check("a_group_goes_on_where_it_committed", KafkaClient::groupGoesOn);
      Suite.check("offsets_are_listed", KafkaClient::offsetsAreListed);
    }
    Suite.check("records_and_commits_outlive_a_restart", KafkaClient::outliveRestart);
    Suite.close();
  }

  static String nameOf(String part) {
    return "java-" + Suite.env("RUN", "run") + "-" + part;
  }

  static Map<String, Object> settings(Map<String, Object> more) {
    Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", Suite.env("BOOTSTRAP", "127.0.0.1:9092")));
    all.putAll(more);
    return all;
  }

  static <T> T get(KafkaFuture<T> future) throws Exception {
    return future.get(WAIT_SECONDS, TimeUnit.SECONDS);
  }

  static String create(String topic) throws Exception {
    try (Admin admin = Admin.create(settings(Map.of()))) {
      get(admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all());
    }
    return topic;
  }

  static void createdTwice() throws Exception {
    create(nameOf("twice"));
    try {
      create(nameOf("twice"));
    } catch (ExecutionException error) {
      Suite.equal("second time", error.getCause().getClass(), TopicExistsException.class);
      return;
    }
    throw new AssertionError("created twice");
  }

  static void write(String topic, int first, int count, Map<String, Object> more) throws Exception {
    try (var producer =
        new KafkaProducer<>(settings(with(more, "acks", "all")), new StringSerializer(), new StringSerializer())) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (int index = first; index < first + count; index++) {
        var record = new ProducerRecord<>(topic, "key-" + index, Integer.toString(index));
        record.headers().add("index", Integer.toString(index).getBytes());
        sent.add(producer.send(record));
      }
      for (var future : sent) {
        future.get(WAIT_SECONDS, TimeUnit.SECONDS);
      }
    }
  }

  static Map<String, Object> with(Map<String, Object> settings, String name, Object value) {
    Map<String, Object> all = new HashMap<>(settings);
    all.put(name, value);
    return all;
  }

  /** Reads `count` records as a member of a group and commits behind them; values must be first, first+1 and so on. */
  static void read(String topic, String group, int first, int count) {
    Map<String, Object> wanted = new HashMap<>(Map.of("group.id", group, "auto.offset.reset", "earliest"));
    wanted.putAll(Map.of("enable.auto.commit", "false", "max.poll.records", 10));
    try (var consumer =
        new KafkaConsumer<>(settings(wanted), new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of(topic));
      List<ConsumerRecord<String, String>> seen = new ArrayList<>();
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
      while (seen.size() < count && System.nanoTime() < deadline) {
        consumer.poll(Duration.ofMillis(500)).forEach(seen::add);
      }
      Suite.equal("records read", seen.size(), count);
      for (int i = 0; i < count; i++) {
        Suite.equal("offset", seen.get(i).offset(), (long) (first + i));
        Suite.equal("value", seen.get(i).value(), Integer.toString(first + i));
        Suite.equal("header", new String(seen.get(i).headers().lastHeader("index").value()), seen.get(i).value());
      }
      consumer.commitSync(Duration.ofSeconds(WAIT_SECONDS));
    }
  }

  static void roundTrip(String name, Map<String, Object> more) throws Exception {
    String topic = create(nameOf(name));
    write(topic, 0, RECORDS, with(more, "linger.ms", 5));
    read(topic, topic, 0, RECORDS);
  }

  static void groupGoesOn() throws Exception {
    String topic = create(nameOf("group"));
    write(topic, 0, 300, Map.of());
    read(topic, topic, 0, 120);
    read(topic, topic, 120, 10);
  }

  static void offsetsAreListed() throws Exception {
    String topic = create(nameOf("offsets"));
    write(topic, 0, 70, Map.of());
    TopicPartition place = new TopicPartition(topic, 0);
    try (Admin admin = Admin.create(settings(Map.of()))) {
      Suite.equal("earliest", get(admin.listOffsets(Map.of(place, OffsetSpec.earliest())).all()).get(place).offset(), 0L);
      Suite.equal("latest", get(admin.listOffsets(Map.of(place, OffsetSpec.latest())).all()).get(place).offset(), 70L);
    }
  }

  static void outliveRestart() throws Exception {
    String topic = nameOf("restart");
    int before = PHASE * WRITTEN;
    if (PHASE == 0) {
      create(topic);
    } else {
      read(topic, topic + "-all-" + PHASE, 0, before);
    }
    write(topic, before, WRITTEN, Map.of());
    read(topic, topic + "-group", PHASE * READ, READ);
  }
}
