import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.quota.ClientQuotaFilterComponent;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What Apache Kafka's Java client asks of a cluster. See ../README.md. */
public class KafkaConformance {
  static final int RECORDS = Integer.parseInt(Suite.env("RECORDS", "10000"));
  static final short REPLICATION_FACTOR = Short.parseShort(Suite.env("REPLICATION_FACTOR", "1"));
  static final String RUN = "conformance-" + UUID.randomUUID().toString().substring(0, 8);
  static final int TRANSACTION_TIMEOUT_MS = 20_000;
  static final Map<String, Object> CLASSIC = Map.of("session.timeout.ms", 10_000, "heartbeat.interval.ms", 1_000);

  static Admin admin;

  public static void main(String[] arguments) {
    admin = Admin.create(settings(Map.of()));
    Suite.check("a_topic_is_created", () -> topic("created", 3));
    Suite.check("a_topic_cannot_be_created_twice", KafkaConformance::createdTwice);
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      Suite.check("records_travel_with_" + codec, () -> roundTrip(codec));
    }
    Suite.check("a_group_goes_on_where_it_committed", KafkaConformance::groupGoesOn);
    Suite.check("records_and_commits_outlive_a_restart", KafkaConformance::outliveRestart);
    Suite.check("two_members_share_by_range", () -> share("range", assignor("RangeAssignor")));
    Suite.check("two_members_share_cooperatively", () -> share("sticky", assignor("CooperativeStickyAssignor")));
    Suite.check(
        "two_members_share_by_the_consumer_protocol", () -> share("kip-848", Map.of("group.protocol", "consumer")));
    Suite.check("an_idempotent_producer_leaves_no_gap", KafkaConformance::idempotent);
    Suite.check("one_acknowledgement_is_enough_without_idempotence", KafkaConformance::oneAcknowledgement);
    Suite.check("only_committed_transactions_are_seen", KafkaConformance::transactions);
    Suite.check("offsets_are_listed", KafkaConformance::offsetsListed);
    Suite.check("a_topic_gets_more_partitions", KafkaConformance::morePartitions);
    Suite.check("settings_of_a_topic_are_described_and_altered", KafkaConformance::settingsAltered);
    Suite.check("records_are_deleted_up_to_an_offset", KafkaConformance::recordsDeleted);
    Suite.check("a_group_is_listed_with_its_offsets_and_deleted", KafkaConformance::groupListed);
    Suite.check("a_scram_user_is_made_and_described", KafkaConformance::scramUser);
    Suite.check("a_quota_is_set_and_described", KafkaConformance::quota);
    Suite.check("an_access_rule_is_made_described_and_deleted", KafkaConformance::accessRule);
    Suite.check("a_deleted_topic_is_gone", KafkaConformance::deleted);
    admin.close();
    Suite.close();
  }

  static Map<String, Object> assignor(String name) {
    return with(CLASSIC, Map.of("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + name));
  }

  static String nameOf(String part) {
    return RUN + "-" + part;
  }

  static String keyOf(int index) {
    return "key-" + index;
  }

  static String valueOf(int index) {
    return "value-" + index + "-" + ".".repeat(80 + index % 40);
  }

  static Map<String, Object> with(Map<String, Object> settings, Map<String, Object> more) {
    Map<String, Object> all = new HashMap<>(settings);
    all.putAll(more);
    return all;
  }

  /** How to reach the cluster through its door, and more. */
  static Map<String, Object> settings(Map<String, Object> more) {
    String mechanism = Suite.env("SASL_MECHANISM", "");
    String authority = Suite.env("SSL_CA", "");
    Map<String, Object> door = new HashMap<>(Map.of("bootstrap.servers", Suite.env("BOOTSTRAP", "127.0.0.1:9092")));
    String protocol = (mechanism.isEmpty() ? "" : "SASL_") + (authority.isEmpty() ? "PLAINTEXT" : "SSL");
    door.put("security.protocol", protocol);
    if (!mechanism.isEmpty()) {
      String module = mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
      door.put("sasl.mechanism", mechanism);
      door.put(
          "sasl.jaas.config",
          "org.apache.kafka.common.security.%s required username=\"%s\" password=\"%s\";"
              .formatted(module, Suite.env("SASL_USERNAME", ""), Suite.env("SASL_PASSWORD", "")));
    }
    if (!authority.isEmpty()) {
      door.put("ssl.truststore.type", "PEM");
      door.put("ssl.truststore.location", authority);
    }
    return with(door, more);
  }

  static <T> T get(Future<T> future) throws Exception {
    try {
      return future.get(Suite.WAIT_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException error) {
      throw error.getCause() instanceof Exception cause ? cause : error;
    }
  }

  static TopicDescription described(String topic) throws Exception {
    return get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
  }

  static String topic(String part, int partitions) throws Exception {
    return topic(part, partitions, Map.of());
  }

  /** Creates a topic and waits until metadata shows it. */
  static String topic(String part, int partitions, Map<String, String> configs) throws Exception {
    String name = nameOf(part);
    get(admin.createTopics(List.of(new NewTopic(name, partitions, REPLICATION_FACTOR).configs(configs))).all());
    Suite.until(name + " in metadata", () -> {
      try {
        var found = described(name).partitions();
        return found.size() == partitions
            && found.stream().allMatch(partition -> partition.replicas().size() == REPLICATION_FACTOR);
      } catch (UnknownTopicOrPartitionException error) {
        return false;
      }
    });
    return name;
  }

  static KafkaProducer<String, String> producer(Map<String, Object> more) {
    return new KafkaProducer<>(settings(more), new StringSerializer(), new StringSerializer());
  }

  /** Writes numbered records and waits for each acknowledgement. */
  static void produce(String topic, int count, Map<String, Object> more) throws Exception {
    try (var producer = producer(with(Map.of("linger.ms", 10), more))) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (int index = 0; index < count; index++) {
        var record = new ProducerRecord<>(topic, keyOf(index), valueOf(index));
        record.headers().add("of", keyOf(index).getBytes(StandardCharsets.UTF_8));
        sent.add(producer.send(record));
      }
      for (var future : sent) {
        get(future);
      }
    }
  }

  static void produce(String topic, int count) throws Exception {
    produce(topic, count, Map.of());
  }

  /** A member of a group that reads from the committed offset, else from the beginning. */
  static Consumer<String, String> member(String topic, String group, Map<String, Object> more) {
    Map<String, Object> wanted = Map.of("group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", false);
    Consumer<String, String> consumer =
        new KafkaConsumer<>(settings(with(wanted, more)), new StringDeserializer(), new StringDeserializer());
    consumer.subscribe(List.of(topic));
    return consumer;
  }

  static List<ConsumerRecord<String, String>> collect(Consumer<String, String> consumer, int count) {
    List<ConsumerRecord<String, String>> seen = new ArrayList<>();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Suite.WAIT_SECONDS);
    while (seen.size() < count && System.nanoTime() < deadline) {
      consumer.poll(Duration.ofMillis(300)).forEach(seen::add);
    }
    Suite.equal("records that came", seen.size(), count);
    return seen;
  }

  static List<ConsumerRecord<String, String>> consume(
      String topic, int count, String group, boolean commit, Map<String, Object> more) {
    try (var consumer = member(topic, group, more)) {
      var seen = collect(consumer, count);
      if (commit) {
        consumer.commitSync();
      }
      return seen;
    }
  }

  /** Reads from the beginning as the only member of a new group. */
  static List<ConsumerRecord<String, String>> consume(String topic, int count) {
    return consume(topic, count, RUN + UUID.randomUUID(), false, Map.of());
  }

  static void createdTwice() throws Exception {
    topic("twice", 1);
    try {
      topic("twice", 1);
    } catch (TopicExistsException expected) {
      return;
    }
    throw new AssertionError("created twice");
  }

  static void roundTrip(String codec) throws Exception {
    String topic = topic("codec-" + codec, 3);
    produce(topic, RECORDS, Map.of("compression.type", codec));
    Map<String, ConsumerRecord<String, String>> seen = new HashMap<>();
    consume(topic, RECORDS).forEach(record -> seen.put(record.key(), record));
    Suite.equal("distinct keys", seen.size(), RECORDS);
    for (int index = 0; index < RECORDS; index++) {
      var record = seen.get(keyOf(index));
      Suite.equal("value", record.value(), valueOf(index));
      Suite.equal("headers", record.headers().toArray().length, 1);
      Suite.equal("header", new String(record.headers().lastHeader("of").value(), StandardCharsets.UTF_8), keyOf(index));
    }
  }

  static void groupGoesOn() throws Exception {
    String topic = topic("resume", 1);
    String group = nameOf("resume-group");
    produce(topic, 100);
    try (var consumer = member(topic, group, Map.of())) {
      collect(consumer, 100);
      consumer.commitSync(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(60)));
    }
    Suite.equal("first offset", consume(topic, 40, group, false, Map.of()).get(0).offset(), 60L);
  }

  static void outliveRestart() throws Exception {
    String command = Suite.env("RESTART_CMD", "");
    if (command.isEmpty()) {
      throw new Suite.Skip("RESTART_CMD is not set");
    }
    String topic = topic("restart", 2);
    String group = nameOf("restart-group");
    produce(topic, 1_000);
    consume(topic, 1_000, group, true, Map.of());
    var restart = new ProcessBuilder("sh", "-c", command).inheritIO().start();
    Suite.equal("RESTART_CMD ended with", restart.waitFor(), 0);
    produce(topic, 50);
    Set<String> keys = new TreeSet<>();
    consume(topic, 50, group, false, Map.of()).forEach(record -> keys.add(record.key()));
    Set<String> written = new TreeSet<>();
    for (int index = 0; index < 50; index++) {
      written.add(keyOf(index));
    }
    Suite.equal("read after the commit", keys, written);
    consume(topic, 1_050);
  }

  /** A member of a group that polls in a thread of its own. */
  static final class Member implements AutoCloseable {
    private final Thread thread;
    private volatile boolean left;
    private volatile Set<Integer> partitions = Set.of();
    private volatile Throwable failure;

    Member(String topic, String group, Map<String, Object> more) {
      thread = new Thread(() -> {
        try (var consumer = member(topic, group, more)) {
          while (!left) {
            consumer.poll(Duration.ofMillis(200));
            Set<Integer> assigned = new TreeSet<>();
            consumer.assignment().forEach(place -> assigned.add(place.partition()));
            partitions = assigned;
          }
        } catch (RuntimeException error) {
          failure = error;
        }
      });
      thread.start();
    }

    @Override
    public void close() throws InterruptedException {
      left = true;
      thread.join(TimeUnit.SECONDS.toMillis(Suite.WAIT_SECONDS));
    }
  }

  /** Whether each member has as many of the six partitions, and none is missing. */
  static boolean evenly(Collection<Member> members) {
    Set<Integer> all = new HashSet<>();
    boolean even = true;
    for (Member member : members) {
      if (member.failure != null) {
        throw new AssertionError("a member failed: " + member.failure);
      }
      even &= member.partitions.size() == 6 / members.size();
      all.addAll(member.partitions);
    }
    return even && all.size() == 6;
  }

  static void share(String part, Map<String, Object> more) throws Exception {
    String topic = topic("share-" + part, 6);
    String group = nameOf("share-group-" + part);
    try (var first = new Member(topic, group, more)) {
      Suite.until("one member has all", () -> evenly(List.of(first)));
      try (var second = new Member(topic, group, more)) {
        Suite.until("two members have half each", () -> evenly(List.of(first, second)));
      }
    }
  }

  static void idempotent() throws Exception {
    String topic = topic("idempotent", 1);
    produce(topic, RECORDS, Map.of("enable.idempotence", true));
    int index = 0;
    for (var record : consume(topic, RECORDS)) {
      Suite.equal("offset", record.offset(), (long) index);
      Suite.equal("key", record.key(), keyOf(index));
      index++;
    }
  }

  static void oneAcknowledgement() throws Exception {
    String topic = topic("acks-1", 1);
    produce(topic, 100, Map.of("enable.idempotence", false, "acks", "1"));
    consume(topic, 100);
  }

  static void transactions() throws Exception {
    String topic = topic("transactions", 1);
    Map<String, Object> identity =
        Map.of("transactional.id", nameOf("transactions-id"), "transaction.timeout.ms", TRANSACTION_TIMEOUT_MS);
    List<String> committed = new ArrayList<>();
    try (var producer = producer(identity)) {
      producer.initTransactions();
      for (int round = 0; round < 3; round++) {
        producer.beginTransaction();
        for (int index = 0; index < 10; index++) {
          producer.send(new ProducerRecord<>(topic, round + "-" + index));
          if (round != 1) {
            committed.add(round + "-" + index);
          }
        }
        producer.flush();
        if (round == 1) {
          producer.abortTransaction();
        } else {
          producer.commitTransaction();
        }
      }
    }
    var seen = consume(topic, 20, nameOf("transactions-group"), false, Map.of("isolation.level", "read_committed"));
    Suite.equal("values", seen.stream().map(ConsumerRecord::value).toList(), committed);
  }

  static long offset(TopicPartition place, OffsetSpec spec) throws Exception {
    return get(admin.listOffsets(Map.of(place, spec)).partitionResult(place)).offset();
  }

  static void offsetsListed() throws Exception {
    String topic = topic("listed", 1);
    TopicPartition place = new TopicPartition(topic, 0);
    try (var producer = producer(Map.of())) {
      for (int index = 0; index < 10; index++) {
        // The greatest timestamp is that of offset 7.
        long timestamp = 1_700_000_000_000L + (index == 7 ? 1_000 : index);
        get(producer.send(new ProducerRecord<>(topic, 0, timestamp, keyOf(index), valueOf(index))));
      }
    }
    Suite.equal("earliest", offset(place, OffsetSpec.earliest()), 0L);
    Suite.equal("latest", offset(place, OffsetSpec.latest()), 10L);
    Suite.equal("of the greatest timestamp", offset(place, OffsetSpec.maxTimestamp()), 7L);
    Suite.equal("at a time", offset(place, OffsetSpec.forTimestamp(1_700_000_000_004L)), 4L);
  }

  static void morePartitions() throws Exception {
    String topic = topic("grows", 1);
    get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all());
    Suite.until("four partitions", () -> described(topic).partitions().size() == 4);
  }

  static String setting(ConfigResource resource, String name) throws Exception {
    return get(admin.describeConfigs(List.of(resource)).all()).get(resource).get(name).value();
  }

  static void settingsAltered() throws Exception {
    var resource =
        new ConfigResource(ConfigResource.Type.TOPIC, topic("altered", 1, Map.of("retention.ms", "123456")));
    Suite.equal("retention.ms", setting(resource, "retention.ms"), "123456");
    var change = new AlterConfigOp(new ConfigEntry("retention.ms", "77777"), AlterConfigOp.OpType.SET);
    get(admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all());
    Suite.until("retention.ms is altered", () -> setting(resource, "retention.ms").equals("77777"));
  }

  static void recordsDeleted() throws Exception {
    String topic = topic("shortened", 1);
    TopicPartition place = new TopicPartition(topic, 0);
    produce(topic, 100);
    var deleted = admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(30))).lowWatermarks().get(place);
    Suite.equal("low watermark", get(deleted).lowWatermark(), 30L);
    Suite.equal("first offset", consume(topic, 70).get(0).offset(), 30L);
  }

  static boolean listed(String group) throws Exception {
    return get(admin.listGroups().all()).stream().anyMatch(found -> found.groupId().equals(group));
  }

  static void groupListed() throws Exception {
    String topic = topic("grouped", 1);
    String group = nameOf("grouped-group");
    produce(topic, 10);
    consume(topic, 10, group, true, Map.of());
    Suite.equal("listed", listed(group), true);
    var offsets = get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
    Suite.equal("partitions", offsets.keySet(), Set.of(new TopicPartition(topic, 0)));
    Suite.equal("offset", offsets.values().iterator().next().offset(), 10L);
    get(admin.deleteConsumerGroups(List.of(group)).all());
    Suite.equal("listed after deletion", listed(group), false);
  }

  static void scramUser() throws Exception {
    String user = nameOf("scram-user");
    var credential = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096);
    var upsertion = new UserScramCredentialUpsertion(user, credential, "example-secret");
    get(admin.alterUserScramCredentials(List.of(upsertion)).all());
    Suite.until("the user is described", () -> {
      if (!get(admin.describeUserScramCredentials().users()).contains(user)) {
        return false;
      }
      var found = get(admin.describeUserScramCredentials(List.of(user)).all());
      return found.get(user).credentialInfos().equals(List.of(credential));
    });
  }

  static void quota() throws Exception {
    String user = nameOf("quota-user");
    var entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, user));
    var operation = new ClientQuotaAlteration.Op("producer_byte_rate", 1_000.0);
    get(admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(operation)))).all());
    var component = ClientQuotaFilterComponent.ofEntity(ClientQuotaEntity.USER, user);
    Suite.until("the quota is described", () -> {
      var found = get(admin.describeClientQuotas(ClientQuotaFilter.containsOnly(List.of(component))).entities());
      return Map.of(entity, Map.of("producer_byte_rate", 1_000.0)).equals(found);
    });
  }

  static void accessRule() throws Exception {
    var rule =
        new AclBinding(
            new ResourcePattern(ResourceType.TOPIC, nameOf("ruled"), PatternType.LITERAL),
            new AccessControlEntry("User:" + nameOf("somebody"), "*", AclOperation.READ, AclPermissionType.ALLOW));
    get(admin.createAcls(List.of(rule)).all());
    Suite.until("the rule is described", () -> List.of(rule).equals(List.copyOf(rules(rule))));
    get(admin.deleteAcls(List.of(rule.toFilter())).all());
    Suite.until("the rule is gone", () -> rules(rule).isEmpty());
  }

  static Collection<AclBinding> rules(AclBinding like) throws Exception {
    KafkaFuture<Collection<AclBinding>> found = admin.describeAcls(like.toFilter()).values();
    return get(found);
  }

  static void deleted() throws Exception {
    String topic = topic("deleted", 1);
    get(admin.deleteTopics(List.of(topic)).all());
    Suite.until("it is gone", () -> !get(admin.listTopics().names()).contains(topic));
  }
}
