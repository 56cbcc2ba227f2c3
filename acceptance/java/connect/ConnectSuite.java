import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka Connect against the brokers that CLUSTER names: a distributed worker with an exactly-once file source and a
 * file sink, killed and restarted like the brokers, a standalone worker, and MirrorMaker between two clusters. Reads
 * CLUSTER and DATA.
 */
public final class ConnectSuite {
  static final int BROKERS = 3;
  static final String TOPIC = "lines";
  /** Lines between two events. */
  static final int LOT = 500;
  static final Duration LIMIT = Duration.ofSeconds(90);
  static final ObjectMapper JSON = new ObjectMapper();

  final Path data = Path.of(Suite.needed("DATA"));
  final Path source = data.resolve("source.txt");
  final Path sink = data.resolve("sink.txt");
  final HttpClient http = HttpClient.newHttpClient();
  final Cluster cluster;
  int written;

  ConnectSuite() throws Exception {
    Files.createDirectories(data);
    cluster = new Cluster(data.resolve("cluster"), BROKERS);
  }

  public static void main(String[] arguments) throws Exception {
    ConnectSuite connect = new ConnectSuite();
    connect.run();
    Suite.close();
  }

  void run() {
    Suite.check("connectors_run_in_a_distributed_worker", this::distributed);
    Suite.check("every_line_is_in_the_topic_exactly_once", this::lines);
    Suite.check("a_standalone_worker_keeps_its_place", this::standalone);
    Suite.check("a_mirror_brings_records_and_offsets", this::mirror);
  }

  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  Map<String, String> settings(int port) {
    Map<String, String> all = new TreeMap<>();
    all.put("bootstrap.servers", cluster.bootstrap());
    all.put("listeners", "HTTP://127.0.0.1:" + port);
    all.put("key.converter", "org.apache.kafka.connect.storage.StringConverter");
    all.put("value.converter", "org.apache.kafka.connect.storage.StringConverter");
    all.put("offset.flush.interval.ms", "500");
    return all;
  }

  Path file(String name, Map<String, String> settings) throws IOException {
    Properties properties = new Properties();
    properties.putAll(settings);
    Path file = data.resolve(name);
    try (var out = Files.newBufferedWriter(file)) {
      properties.store(out, null);
    }
    return file;
  }

  Child worker(String name, int port) throws Exception {
    Map<String, String> all = settings(port);
    all.put("group.id", "connect");
    for (String store : List.of("config", "offset", "status")) {
      all.put(store + ".storage.topic", "connect-" + store);
      all.put(store + ".storage.replication.factor", Integer.toString(BROKERS));
    }
    all.put("exactly.once.source.support", "enabled");
    all.put("session.timeout.ms", "6000");
    all.put("heartbeat.interval.ms", "1000");
    all.put("rebalance.timeout.ms", "10000");
    all.put("scheduled.rebalance.max.delay.ms", "0");
    return Child.java(
        name,
        data.resolve(name + ".log"),
        "org.apache.kafka.connect.cli.ConnectDistributed",
        file(name + ".properties", all).toString());
  }

  /** Asks the worker; null if it cannot answer now. */
  JsonNode ask(String method, int port, String path, Object body) throws Exception {
    HttpRequest.BodyPublisher publisher =
        body == null
            ? HttpRequest.BodyPublishers.noBody()
            : HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body));
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
            .header("Content-Type", "application/json")
            .timeout(LIMIT)
            .method(method, publisher)
            .build();
    try {
      HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() / 100 == 2) {
        return answer.body().isEmpty() ? JSON.createObjectNode() : JSON.readTree(answer.body());
      }
      // While a worker joins its group it answers 409 or 503, and 404 for what it has not read yet.
      if (List.of(404, 409, 500, 503).contains(answer.statusCode())) {
        return null;
      }
      throw new AssertionError(method + " " + path + ": " + answer.statusCode() + " " + answer.body());
    } catch (IOException notUp) {
      return null;
    }
  }

  void told(String what, int port, String method, String path, Object body) throws Exception {
    Suite.until(what, LIMIT, () -> ask(method, port, path, body) != null);
  }

  void runs(int port, String connector) throws Exception {
    Suite.until(connector + " runs", LIMIT, () -> {
      JsonNode status = ask("GET", port, "/connectors/" + connector + "/status", null);
      return status != null
          && status.path("connector").path("state").asText().equals("RUNNING")
          && status.path("tasks").path(0).path("state").asText().equals("RUNNING");
    });
  }

  void write(int count) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int at = 0; at < count; at++) {
      lines.append("line-").append(written++).append('\n');
    }
    Files.writeString(source, lines, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  /** Waits until the sink has written down every line at least once. */
  void sunk() throws Exception {
    Suite.until("every line is in the sink's file", LIMIT, () ->
        Files.exists(sink) && new HashSet<>(Files.readAllLines(sink)).size() == written);
  }

  void distributed() throws Exception {
    int port = freePort();
    int other = freePort();
    write(LOT);
    try (Child one = worker("worker-one", port)) {
      told("the worker answers", port, "GET", "/", null);
      told("the source is made", port, "PUT", "/connectors/source/config", sourceConfig());
      told("the sink is made", port, "PUT", "/connectors/sink/config", sinkConfig());
      runs(port, "source");
      sunk();
      write(LOT);
      told("the source's task starts again", port, "POST", "/connectors/source/tasks/0/restart", null);
      write(LOT);
      sunk();
      write(LOT);
      one.kill();
    }
    try (Child one = worker("worker-one", port); Child two = worker("worker-two", other)) {
      write(LOT);
      sunk();
      cluster.killAndStart();
      write(LOT);
      sunk();
      runs(other, "source");
      write(LOT);
      one.kill();
      write(LOT);
      sunk();
      offsets(other);
      two.stop();
    }
  }

  static Map<String, String> fileConnector(String kind, Path file) {
    Map<String, String> config = new HashMap<>();
    config.put("connector.class", "org.apache.kafka.connect.file.FileStream" + kind + "Connector");
    config.put("file", file.toString());
    config.put("tasks.max", "1");
    return config;
  }

  Map<String, String> sourceConfig() {
    Map<String, String> config = fileConnector("Source", source);
    config.put("topic", TOPIC);
    config.put("exactly.once.support", "required");
    config.put("batch.size", "100");
    config.put("topic.creation.default.partitions", "1");
    config.put("topic.creation.default.replication.factor", Integer.toString(BROKERS));
    return config;
  }

  Map<String, String> sinkConfig() {
    Map<String, String> config = fileConnector("Sink", sink);
    config.put("topics", TOPIC);
    config.put("consumer.override.isolation.level", "read_committed");
    config.put("consumer.override.auto.offset.reset", "earliest");
    config.put("consumer.override.session.timeout.ms", "6000");
    return config;
  }

  /** KIP-875: offsets of a stopped connector are shown, set and taken away. */
  void offsets(int port) throws Exception {
    for (String connector : List.of("source", "sink")) {
      String path = "/connectors/" + connector;
      told(connector + " stops", port, "PUT", path + "/stop", null);
      Suite.until("offsets of " + connector, LIMIT, () -> {
        JsonNode told = ask("GET", port, path + "/offsets", null);
        return told != null && told.path("offsets").size() == 1;
      });
      told("offsets of " + connector + " are taken away", port, "DELETE", path + "/offsets", null);
      JsonNode left = ask("GET", port, path + "/offsets", null);
      Suite.equal("offsets left of " + connector, left.path("offsets").size(), 0);
    }
    told("the sink is deleted", port, "DELETE", "/connectors/sink", null);
  }

  List<String> read(String bootstrap, String topic) {
    Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
    settings.putAll(Map.of("isolation.level", "read_committed", "enable.auto.commit", "false"));
    List<String> values = new ArrayList<>();
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      TopicPartition partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      while (consumer.position(partition) < end) {
        consumer.poll(Duration.ofSeconds(1)).forEach(record -> values.add(record.value()));
      }
    }
    return values;
  }

  void lines() throws Exception {
    Suite.equal("lines in the topic", read(cluster.bootstrap(), TOPIC), Files.readAllLines(source));
  }

  void standalone() throws Exception {
    Path lines = data.resolve("standalone.txt");
    Files.writeString(lines, "a\nb\n");
    Map<String, String> worker = settings(freePort());
    worker.put("offset.storage.file.filename", data.resolve("standalone.offsets").toString());
    Map<String, String> connector = fileConnector("Source", lines);
    connector.putAll(Map.of("name", "standalone", "topic", "standalone"));
    String[] files = {
      file("standalone.properties", worker).toString(), file("connector.properties", connector).toString()
    };
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", cluster.bootstrap()))) {
      admin.createTopics(List.of(new NewTopic("standalone", 1, (short) 1))).all().get(60, TimeUnit.SECONDS);
    }
    List<String> wanted = new ArrayList<>(List.of("a", "b"));
    for (String next : List.of("c", "d")) {
      Path log = data.resolve("standalone.log");
      try (Child one = Child.java("standalone", log, "org.apache.kafka.connect.cli.ConnectStandalone", files)) {
        Suite.until("lines " + wanted, LIMIT, () -> read(cluster.bootstrap(), "standalone").equals(wanted));
        one.stop();
      }
      Files.writeString(lines, next + "\n", StandardOpenOption.APPEND);
      wanted.add(next);
    }
  }

  void mirror() throws Exception {
    try (Cluster away = new Cluster(data.resolve("away"), 1)) {
      Map<String, String> all = new TreeMap<>();
      all.put("clusters", "home, away");
      all.put("home.bootstrap.servers", cluster.bootstrap());
      all.put("away.bootstrap.servers", away.bootstrap());
      all.put("home->away.enabled", "true");
      all.put("home->away.topics", "mirrored");
      all.put("home->away.sync.group.offsets.enabled", "true");
      all.put("replication.factor", "1");
      all.put("emit.checkpoints.interval.seconds", "1");
      all.put("sync.group.offsets.interval.seconds", "1");
      all.put("refresh.topics.interval.seconds", "1");
      all.put("refresh.groups.interval.seconds", "1");
      all.put("offset.lag.max", "0");
      all.put("away.exactly.once.source.support", "enabled");
      for (String store : List.of("config", "offset", "status")) {
        all.put(store + ".storage.replication.factor", "1");
      }
      all.put("checkpoints.topic.replication.factor", "1");
      all.put("heartbeats.topic.replication.factor", "1");
      all.put("offset-syncs.topic.replication.factor", "1");
      Map<String, Object> home = Map.of("bootstrap.servers", cluster.bootstrap());
      TopicPartition partition = new TopicPartition("mirrored", 0);
      try (Admin admin = Admin.create(home);
          var producer = new KafkaProducer<>(home, new StringSerializer(), new StringSerializer())) {
        admin.createTopics(List.of(new NewTopic("mirrored", 1, (short) 1))).all().get(60, TimeUnit.SECONDS);
        String properties = file("mirror.properties", all).toString();
        String main = "org.apache.kafka.connect.mirror.MirrorMaker";
        try (Child mirror = Child.java("mirror", data.resolve("mirror.log"), main, properties)) {
          for (int at = 0; at < LOT; at++) {
            producer.send(new ProducerRecord<>("mirrored", Integer.toString(at))).get(60, TimeUnit.SECONDS);
          }
          List<String> wanted = read(cluster.bootstrap(), "mirrored");
          Suite.until("all records are mirrored", LIMIT, () -> read(away.bootstrap(), "home.mirrored").equals(wanted));
          admin.alterConsumerGroupOffsets("readers", Map.of(partition, new OffsetAndMetadata(LOT)),
              new AlterConsumerGroupOffsetsOptions()).all().get(60, TimeUnit.SECONDS);
          Suite.until("the group's offset is mirrored", LIMIT, () -> offset(away) == end(away));
          mirror.stop();
        }
      }
    }
  }

  static long offset(Cluster away) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", away.bootstrap()))) {
      var offsets = admin.listConsumerGroupOffsets("readers").partitionsToOffsetAndMetadata().get(60, TimeUnit.SECONDS);
      var at = offsets.get(new TopicPartition("home.mirrored", 0));
      return at == null ? -1 : at.offset();
    }
  }

  /** Where a reader of all records stands: at their number, or behind the marker of their transaction. */
  static long end(Cluster away) throws Exception {
    long offset = offset(away);
    return offset >= LOT ? offset : LOT;
  }
}
