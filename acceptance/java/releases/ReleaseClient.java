import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What a Java client of any release from 1.0 on does with a cluster of any release. Only what the client of 1.0 has is
 * named; what came or changed later is found by reflection.
 *
 * BOOTSTRAP, RUN as in the README; CLIENT and CLUSTER: the releases. What the cluster's release did not have has to be
 * refused.
 */
public final class ReleaseClient {
    private static final int RECORDS = 50;
    private static final long WAIT_MS = 30_000;

    private static final String BOOTSTRAP = System.getenv("BOOTSTRAP");
    private static final String RUN = System.getenv().getOrDefault("RUN", "run");
    private static final String CLIENT = System.getenv("CLIENT");
    private static final String CLUSTER = System.getenv("CLUSTER");
    private static final String TOPIC = "release-" + RUN + "-" + CLIENT;
    private static int passed;
    private static int failed;

    public static void main(String[] arguments) {
        check("topics are made and described", ReleaseClient::topics);
        check("settings are described and altered", areApart(1, 1), ReleaseClient::settings);
        check("disks are described", areApart(2, 0), ReleaseClient::disks);
        check("partitions are added", ReleaseClient::partitions);
        for (String codec : codecs()) {
            check("records come back as they were sent: " + codec, () -> records(codec));
        }
        check("offsets are found by time", ReleaseClient::times);
        check("a group shares a topic and commits", ReleaseClient::group);
        check("transactions show only what was committed", ReleaseClient::transactions);
        check("offsets are committed in a transaction", ReleaseClient::transactionalOffsets);
        if (isAtLeast(CLIENT, 2, 0)) {
            check("groups are deleted from 1.1 on", !isAtLeast(CLUSTER, 1, 1), ReleaseClient::groups);
        }
        if (isAtLeast(CLIENT, 2, 3)) {
            check("settings are altered one by one from 2.3 on", !isAtLeast(CLUSTER, 2, 3), ReleaseClient::incremental);
        }
        check("topics are deleted", ReleaseClient::delete);
        System.out.println(passed + " passed, " + failed + " failed, 0 skipped");
        System.exit(failed == 0 ? 0 : 1);
    }

    private interface Check {
        void run() throws Exception;
    }

    private static void check(String name, Check check) {
        try {
            check.run();
            passed++;
            System.out.println("PASS " + name);
        } catch (Throwable error) {
            failed++;
            Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
            System.out.println("FAIL " + name + ": client " + CLIENT + ", cluster " + CLUSTER + ": " + cause);
            if (System.getenv("TRACE") != null) {
                error.printStackTrace(System.out);
            }
        }
    }

    /** The same, unless the client has to find that the cluster is too old. */
    private static void check(String name, boolean isRefused, Check check) {
        if (!isRefused) {
            check(name, check);
            return;
        }
        check(name + ", here not", () -> {
            try {
                check.run();
            } catch (ExecutionException error) {
                equal(error.getCause().getClass(), UnsupportedVersionException.class);
                return;
            }
            throw new AssertionError("it was not refused");
        });
    }

    private static void equal(Object found, Object expected) {
        if (!found.equals(expected)) {
            throw new AssertionError("found " + found + ", expected " + expected);
        }
    }

    private static boolean isAtLeast(String release, int major, int minor) {
        String[] parts = release.split("\\.");
        int foundMajor = Integer.parseInt(parts[0]), foundMinor = Integer.parseInt(parts[1]);
        return foundMajor > major || foundMajor == major && foundMinor >= minor;
    }

    /** One side is from 4.0 on, which dropped version 0 (KIP-896), the other older than version 1 of a request. */
    private static boolean areApart(int major, int minor) {
        return isAtLeast(CLIENT, 4, 0) && !isAtLeast(CLUSTER, major, minor)
            || isAtLeast(CLUSTER, 4, 0) && !isAtLeast(CLIENT, major, minor);
    }

    private static Properties properties() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", BOOTSTRAP);
        properties.put("request.timeout.ms", "15000");
        properties.put("key.serializer", StringSerializer.class.getName());
        properties.put("value.serializer", StringSerializer.class.getName());
        properties.put("key.deserializer", StringDeserializer.class.getName());
        properties.put("value.deserializer", StringDeserializer.class.getName());
        return properties;
    }

    private static <T> T admin(AdminWork<T> work) throws Exception {
        try (AdminClient admin = AdminClient.create(properties())) {
            return work.run(admin);
        }
    }

    private interface AdminWork<T> {
        T run(AdminClient admin) throws Exception;
    }

    /** Calls a method that not all releases have, or not with the same types. */
    private static Object call(Object on, String name, Object... arguments) throws Exception {
        for (Method method : on.getClass().getMethods()) {
            if (method.getName().equals(name) && fits(method.getParameterTypes(), arguments)) {
                method.setAccessible(true);
                try {
                    return method.invoke(on, arguments);
                } catch (java.lang.reflect.InvocationTargetException error) {
                    throw error.getCause() instanceof Exception ? (Exception) error.getCause() : error;
                }
            }
        }
        throw new NoSuchMethodException(on.getClass() + "." + name);
    }

    private static boolean fits(Class<?>[] types, Object[] arguments) {
        if (types.length != arguments.length) {
            return false;
        }
        for (int at = 0; at < types.length; at++) {
            Class<?> type = types[at] == long.class ? Long.class : types[at];
            if (!type.isInstance(arguments[at])) {
                return false;
            }
        }
        return true;
    }

    private static Object get(Object future) throws Exception {
        return ((java.util.concurrent.Future<?>) future).get(WAIT_MS, TimeUnit.MILLISECONDS);
    }

    private static void topics() throws Exception {
        admin(admin -> {
            NewTopic topic = new NewTopic(TOPIC, 2, (short) 1).configs(Collections.singletonMap("retention.ms", "3600000"));
            get(admin.createTopics(Collections.singleton(topic)).all());
            Set<?> names = (Set<?>) get(admin.listTopics().names());
            equal(names.contains(TOPIC), true);
            return null;
        });
        equal(partitionCount(), 2);
    }

    private static int partitionCount() {
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties())) {
            return consumer.partitionsFor(TOPIC).size();
        }
    }

    private static String setting(AdminClient admin, String name) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
        Map<?, ?> configs = (Map<?, ?>) get(admin.describeConfigs(Collections.singleton(resource)).all());
        return ((Config) configs.get(resource)).get(name).value();
    }

    private static void settings() throws Exception {
        admin(admin -> {
            equal(setting(admin, "retention.ms"), "3600000");
            if (!isAtLeast(CLIENT, 4, 0)) {
                ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
                Config config = new Config(Collections.singleton(
                    new org.apache.kafka.clients.admin.ConfigEntry("retention.ms", "7200000")));
                Object altered = call(admin, "alterConfigs", Collections.singletonMap(resource, config));
                get(call(altered, "all"));
                equal(setting(admin, "retention.ms"), "7200000");
            }
            return null;
        });
    }

    private static void incremental() throws Exception {
        Class<?> type = Class.forName("org.apache.kafka.clients.admin.AlterConfigOp");
        Class<?> kind = Class.forName("org.apache.kafka.clients.admin.AlterConfigOp$OpType");
        Object set = kind.getField("SET").get(null);
        org.apache.kafka.clients.admin.ConfigEntry entry =
            new org.apache.kafka.clients.admin.ConfigEntry("retention.ms", "1800000");
        Object op = type.getConstructor(entry.getClass(), kind).newInstance(entry, set);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
        admin(admin -> {
            Object altered = call(admin, "incrementalAlterConfigs",
                Collections.singletonMap(resource, Collections.singletonList(op)));
            get(call(altered, "all"));
            equal(setting(admin, "retention.ms"), "1800000");
            return null;
        });
    }

    private static void partitions() throws Exception {
        admin(admin -> get(admin.createPartitions(Collections.singletonMap(TOPIC, NewPartitions.increaseTo(3))).all()));
        long deadline = System.currentTimeMillis() + WAIT_MS;
        while (partitionCount() != 3) {
            equal(System.currentTimeMillis() < deadline, true);
        }
    }

    private static void disks() throws Exception {
        admin(admin -> {
            int id = ((Collection<org.apache.kafka.common.Node>) get(admin.describeCluster().nodes())).iterator().next().id();
            Object described = call(admin, "describeLogDirs", Collections.singleton(id));
            String all = isAtLeast(CLIENT, 2, 7) ? "allDescriptions" : "all";
            Map<?, ?> dirs = (Map<?, ?>) ((Map<?, ?>) get(call(described, all))).get(id);
            equal(dirs.isEmpty(), false);
            return null;
        });
    }

    private static List<String> codecs() {
        List<String> codecs = new ArrayList<>(Arrays.asList("none", "gzip", "snappy", "lz4"));
        if (isAtLeast(CLIENT, 2, 1) && isAtLeast(CLUSTER, 2, 1)) {
            codecs.add("zstd");
        }
        return codecs;
    }

    private static void send(KafkaProducer<String, String> producer, String prefix) throws Exception {
        List<java.util.concurrent.Future<RecordMetadata>> sent = new ArrayList<>();
        for (int at = 0; at < RECORDS; at++) {
            ProducerRecord<String, String> record = new ProducerRecord<>(TOPIC, prefix + at, prefix + at);
            record.headers().add("of", prefix.getBytes(StandardCharsets.UTF_8));
            sent.add(producer.send(record));
        }
        for (java.util.concurrent.Future<RecordMetadata> one : sent) {
            equal(one.get(WAIT_MS, TimeUnit.MILLISECONDS).hasOffset(), true);
        }
    }

    private static Set<String> expected(String prefix) {
        Set<String> expected = new HashSet<>();
        for (int at = 0; at < RECORDS; at++) {
            expected.add(prefix + at);
        }
        return expected;
    }

    private static Object duration(long ms) throws Exception {
        return Class.forName("java.time.Duration").getMethod("ofMillis", long.class).invoke(null, ms);
    }

    private static ConsumerRecords<String, String> poll(KafkaConsumer<String, String> consumer) throws Exception {
        Object wait = isAtLeast(CLIENT, 2, 0) ? duration(500) : (Object) 500L;
        return (ConsumerRecords<String, String>) call(consumer, "poll", wait);
    }

    private static List<TopicPartition> all() {
        List<TopicPartition> all = new ArrayList<>();
        for (int partition = 0; partition < 3; partition++) {
            all.add(new TopicPartition(TOPIC, partition));
        }
        return all;
    }

    /** Every value of the topic that begins so, read from the beginning up to the end. */
    private static Set<String> read(String prefix, String isolation) throws Exception {
        Properties properties = properties();
        properties.put("isolation.level", isolation);
        properties.put("enable.auto.commit", "false");
        Set<String> read = new HashSet<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
            consumer.assign(all());
            consumer.seekToBeginning(all());
            Map<TopicPartition, Long> ends = consumer.endOffsets(all());
            long deadline = System.currentTimeMillis() + WAIT_MS;
            for (TopicPartition partition : all()) {
                while (consumer.position(partition) < ends.get(partition)) {
                    equal(System.currentTimeMillis() < deadline, true);
                    for (ConsumerRecord<String, String> record : poll(consumer)) {
                        if (record.value().startsWith(prefix)) {
                            String header = new String(record.headers().lastHeader("of").value(), StandardCharsets.UTF_8);
                            equal(header, prefix);
                            equal(read.add(record.value()), true);
                        }
                    }
                }
            }
        }
        return read;
    }

    private static void records(String codec) throws Exception {
        Properties properties = properties();
        properties.put("compression.type", codec);
        properties.put("enable.idempotence", "true");
        properties.put("acks", "all");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties)) {
            send(producer, codec + "-");
        }
        equal(read(codec + "-", "read_uncommitted"), expected(codec + "-"));
    }

    private static void times() throws Exception {
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties())) {
            Map<TopicPartition, Long> times = new HashMap<>();
            all().forEach(partition -> times.put(partition, 0L));
            Map<TopicPartition, Long> first = consumer.beginningOffsets(all());
            consumer.offsetsForTimes(times).forEach((partition, found) ->
                equal(found.offset(), first.get(partition)));
        }
    }

    private static void group() throws Exception {
        Properties properties = properties();
        properties.put("group.id", TOPIC);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        Set<String> read = new HashSet<>();
        long deadline = System.currentTimeMillis() + WAIT_MS;
        Set<String> expected = expected("none-");
        Map<TopicPartition, Long> positions = new HashMap<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
            consumer.subscribe(Collections.singleton(TOPIC));
            while (!read.containsAll(expected)) {
                equal(System.currentTimeMillis() < deadline, true);
                poll(consumer).forEach(record -> read.add(record.value()));
            }
            consumer.commitSync();
            consumer.assignment().forEach(partition -> positions.put(partition, consumer.position(partition)));
        }
        equal(positions.size(), 3);
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
            consumer.assign(all());
            positions.forEach((partition, position) -> equal(consumer.position(partition), position));
        }
    }

    private static KafkaProducer<String, String> transactional(String id) {
        Properties properties = properties();
        properties.put("transactional.id", TOPIC + "-" + id);
        properties.put("acks", "all");
        KafkaProducer<String, String> producer = new KafkaProducer<>(properties);
        producer.initTransactions();
        return producer;
    }

    private static void transactions() throws Exception {
        try (KafkaProducer<String, String> producer = transactional("a")) {
            producer.beginTransaction();
            send(producer, "committed-");
            producer.commitTransaction();
            producer.beginTransaction();
            send(producer, "aborted-");
            producer.abortTransaction();
            producer.beginTransaction();
            send(producer, "again-");
            producer.commitTransaction();
        }
        equal(read("committed-", "read_committed"), expected("committed-"));
        equal(read("again-", "read_committed"), expected("again-"));
        equal(read("aborted-", "read_committed"), Collections.emptySet());
    }

    private static void transactionalOffsets() throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets =
            Collections.singletonMap(new TopicPartition(TOPIC, 0), new OffsetAndMetadata(7, "note"));
        String group = TOPIC + "-offsets";
        try (KafkaProducer<String, String> producer = transactional("b")) {
            producer.beginTransaction();
            send(producer, "offsets-");
            if (isAtLeast(CLIENT, 4, 0)) {
                Class<?> type = Class.forName("org.apache.kafka.clients.consumer.ConsumerGroupMetadata");
                Constructor<?> constructor = type.getConstructor(String.class);
                call(producer, "sendOffsetsToTransaction", offsets, constructor.newInstance(group));
            } else {
                call(producer, "sendOffsetsToTransaction", offsets, group);
            }
            producer.commitTransaction();
        }
        Properties properties = properties();
        properties.put("group.id", group);
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
            consumer.assign(all());
            equal(consumer.position(new TopicPartition(TOPIC, 0)), 7L);
        }
    }

    private static void groups() throws Exception {
        admin(admin -> {
            Collection<?> listed = (Collection<?>) get(call(call(admin, "listConsumerGroups"), "all"));
            Set<Object> ids = new HashSet<>();
            for (Object group : listed) {
                ids.add(call(group, "groupId"));
            }
            equal(ids.contains(TOPIC), true);
            get(call(call(admin, "deleteConsumerGroups", Collections.singleton(TOPIC)), "all"));
            return null;
        });
    }

    private static void delete() throws Exception {
        admin(admin -> {
            get(call(call(admin, "deleteTopics", Collections.singleton(TOPIC)), "all"));
            Set<?> names = (Set<?>) get(admin.listTopics().names());
            equal(names.contains(TOPIC), false);
            return null;
        });
    }
}
