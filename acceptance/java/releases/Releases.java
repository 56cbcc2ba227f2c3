import java.io.File;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Prints which requests each release of Apache Kafka knows, and which settings of topics: the facts come out of the
 * release's own client library, {@code ApiKeys} and {@code TopicConfig}.
 *
 * Arguments: the file to write, then RELEASE=FOLDER_OF_JARS, oldest first.
 */
public final class Releases {
    private static final String ABSENT = "none";
    /** Cluster actions that administrators' clients ask of brokers all the same. */
    private static final Set<String> FOR_ADMINISTRATORS = Set.of("DescribeQuorum", "UpdateFeatures");

    public static void main(String[] arguments) throws Exception {
        Map<String, Map<String, String>> rows = new LinkedHashMap<>();
        Map<String, String> read = new LinkedHashMap<>();
        String row = "";
        for (String argument : Arrays.copyOfRange(arguments, 1, arguments.length)) {
            String[] words = argument.split("=", 2);
            Map<String, String> facts = read(new File(words[1]));
            if (minor(words[0]).equals(minor(row)) && facts.equals(rows.get(row))) {
                read.merge(row, words[0], (before, more) -> before + " " + more);
            } else {
                row = words[0];
                rows.put(row, facts);
                read.put(row, row);
            }
        }
        List<String> table = new ArrayList<>();
        table.add("# Requests and topic settings by release of Apache Kafka, from each release's kafka-clients.");
        table.add("# Made by `cargo xtask releases`; do not edit.");
        table.add("#");
        table.add("# release RELEASE ALIKE…           patches of one minor release that say the same");
        table.add("# api KEY NAME RELEASE:VERSIONS…   from that release on; \"none\": no longer");
        table.add("# config NAME RELEASE:yes…         a setting of topics");
        read.values().forEach(alike -> table.add("release " + alike));
        Set<String> names = new TreeSet<>();
        rows.values().forEach(facts -> names.addAll(facts.keySet()));
        for (String name : names) {
            table.add(line(name, rows));
        }
        Files.write(Path.of(arguments[0]), table);
    }

    private static String minor(String release) {
        return release.replaceFirst("\\.[0-9]+$", "");
    }

    /** One fact with the releases at which it changed. */
    private static String line(String name, Map<String, Map<String, String>> rows) {
        StringBuilder line = new StringBuilder(name.replaceFirst("^(api) 0*(\\d)", "$1 $2"));
        String before = ABSENT;
        for (Map.Entry<String, Map<String, String>> row : rows.entrySet()) {
            String value = row.getValue().getOrDefault(name, ABSENT);
            if (!value.equals(before)) {
                line.append(' ').append(row.getKey()).append(':').append(value);
            }
            before = value;
        }
        return line.toString();
    }

    private static Map<String, String> read(File folder) throws Exception {
        List<URL> jars = new ArrayList<>();
        for (File jar : folder.listFiles((parent, name) -> name.endsWith(".jar"))) {
            jars.add(jar.toURI().toURL());
        }
        Map<String, String> facts = new TreeMap<>();
        try (URLClassLoader loader = new URLClassLoader(jars.toArray(new URL[0]), ClassLoader.getPlatformClassLoader())) {
            Class<?> keys = loader.loadClass("org.apache.kafka.common.protocol.ApiKeys");
            for (Object key : keys.getEnumConstants()) {
                Optional<String> versions = isForClients(key) ? versions(key) : Optional.empty();
                if (versions.isPresent()) {
                    facts.put(String.format("api %03d %s", (short) get(key, "id"), get(key, "name")), versions.get());
                }
            }
            for (Field field : loader.loadClass("org.apache.kafka.common.config.TopicConfig").getFields()) {
                if (Modifier.isStatic(field.getModifiers()) && field.getName().endsWith("_CONFIG")) {
                    facts.put("config " + field.get(null), "yes");
                }
            }
        }
        return facts;
    }

    /** Brokers and controllers talk to each other with cluster actions, and on listeners of their own. */
    private static boolean isForClients(Object key) throws Exception {
        if ((boolean) get(key, "clusterAction") && !FOR_ADMINISTRATORS.contains((String) get(key, "name"))) {
            return false;
        }
        Object messageType;
        Method listeners;
        try {
            messageType = get(key, "messageType");
            listeners = messageType.getClass().getMethod("listeners");
        } catch (NoSuchFieldException | NoSuchMethodException before28) {
            return true;
        }
        return ((Collection<?>) listeners.invoke(messageType)).stream()
            .map(Object::toString)
            .anyMatch(listener -> listener.equals("ZK_BROKER") || listener.equals("BROKER"));
    }

    /** From the oldest version to the newest that is not still being worked on. */
    private static Optional<String> versions(Object key) throws Exception {
        Class<?> type = key.getClass();
        short oldest = (short) type.getMethod("oldestVersion").invoke(key);
        short newest;
        try {
            newest = (short) type.getMethod("latestVersion", boolean.class).invoke(key, false);
        } catch (NoSuchMethodException before35) {
            newest = (short) type.getMethod("latestVersion").invoke(key);
        }
        return oldest <= newest ? Optional.of(oldest + "-" + newest) : Optional.empty();
    }

    private static Object get(Object of, String field) throws Exception {
        return of.getClass().getField(field).get(of);
    }
}
