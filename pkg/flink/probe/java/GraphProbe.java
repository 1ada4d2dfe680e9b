import java.io.BufferedReader;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.net.URI;
import java.net.URL;
import java.net.URLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import org.apache.flink.client.program.PackagedProgram;
import org.apache.flink.client.program.PackagedProgramUtils;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;
import org.apache.flink.core.plugin.PluginUtils;
import org.apache.flink.runtime.OperatorIDPair;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.JobVertex;

/**
 * Makes the graph of a job as Flink's client does, by running its main method up to
 * where it would be submitted, and says which operators it has. Settings come on standard
 * input, KEY=VALUE a line up to an empty one; then, in Base64, a line each: the jar's
 * address, the class with the main method (empty: the one that the jar names), the
 * parallelism, the number of files to write, of each its path and content, and the job's
 * arguments. The arguments of this program are a directory that it may
 * write to and a limit in seconds. What is printed has one line an operator, its parts
 * separated by tabs and in Base64, because the job prints, too.
 */
public final class GraphProbe {
    private static final String MARK = "kubectl-flink-graph";
    private static final long MOST_BYTES = 2L << 30;
    private static PrintStream out;

    private final Configuration config = GlobalConfiguration.loadConfiguration();
    private final List<String> job = new ArrayList<>();
    private final File room;
    /** What is being done: who is told of a failure wants to know. */
    private volatile String step = "read the settings";

    private GraphProbe(File room) {
        this.room = room;
    }

    public static void main(String[] args) {
        out = System.out;
        System.setOut(System.err); // what the job prints isn't for the reader
        GraphProbe probe = new GraphProbe(new File(args[0]));
        FutureTask<Void> task = new FutureTask<>(() -> {
            probe.run();
            return null;
        });
        Thread thread = new Thread(task, "main");
        thread.setDaemon(true);
        thread.start();
        try {
            task.get(Long.parseLong(args[1]), TimeUnit.SECONDS);
            say("end");
        } catch (TimeoutException e) {
            say("timeout", probe.step, stack(thread));
        } catch (ExecutionException e) {
            say("failed", probe.step, trace(e.getCause()));
        } catch (InterruptedException e) {
            say("failed", probe.step, trace(e));
        }
        // The job may have started threads that go on.
        Runtime.getRuntime().halt(0);
    }

    private void run() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
            int at = line.indexOf('=');
            if (at > 0) {
                config.setString(line.substring(0, at), line.substring(at + 1));
            }
        }
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            job.add(new String(Base64.getDecoder().decode(line.trim()), StandardCharsets.UTF_8));
        }
        int files = 2 * Integer.parseInt(job.get(3));
        for (int n = 4; n < 4 + files; n += 2) {
            Files.write(Paths.get(job.get(n)), job.get(n + 1).getBytes(StandardCharsets.UTF_8));
        }
        FileSystem.initialize(config, PluginUtils.createPluginManagerFromRootFolder(config));
        PackagedProgram.Builder builder = PackagedProgram.newBuilder().setConfiguration(config).setUserClassPaths(userLibraries());
        if (!job.get(0).isEmpty()) {
            builder.setJarFile(fetch(job.get(0)));
        }
        if (!job.get(1).isEmpty()) {
            builder.setEntryPointClassName(job.get(1));
        }
        builder.setArguments(job.subList(4 + files, job.size()).toArray(new String[0]));
        step = "load the class";
        PackagedProgram program = builder.build();
        step = "run the main method";
        JobGraph graph = PackagedProgramUtils.createJobGraph(program, config, Integer.parseInt(job.get(2)), false);
        step = "read the graph";
        for (JobVertex vertex : graph.getVertices()) {
            for (OperatorIDPair pair : vertex.getOperatorIDs()) {
                say("operator", pair.getGeneratedOperatorID().toString(), pair.getUserDefinedOperatorID().map(Object::toString).orElse(""),
                        text(pair, "getUserDefinedOperatorName"), text(pair, "getUserDefinedOperatorUid"), vertex.getName(),
                        Integer.toString(vertex.getParallelism()), Integer.toString(vertex.getMaxParallelism()));
            }
        }
    }

    /** The libraries beside the job, which application clusters put on its class path. */
    private static List<URL> userLibraries() throws IOException {
        List<URL> found = new ArrayList<>();
        File[] files = new File(System.getenv("FLINK_HOME"), "usrlib").listFiles();
        for (File file : files == null ? new File[0] : files) {
            if (file.getName().endsWith(".jar")) {
                found.add(file.toURI().toURL());
            }
        }
        return found;
    }

    private File fetch(String address) throws IOException {
        step = "fetch the jar";
        URI uri = URI.create(address);
        String scheme = uri.getScheme() == null ? "file" : uri.getScheme();
        if (scheme.equals("local") || scheme.equals("file")) {
            step = "find the jar";
            File file = new File(uri.getPath());
            if (!file.isFile()) {
                throw new IOException(file + " isn't in the image or a volume");
            }
            return file;
        }
        File file = new File(room, "job.jar");
        if (scheme.equals("http") || scheme.equals("https")) {
            URLConnection connection = uri.toURL().openConnection();
            connection.setConnectTimeout(20000);
            connection.setReadTimeout(30000);
            try (InputStream from = connection.getInputStream()) {
                copy(from, file);
            }
            return file;
        }
        Path path = new Path(uri);
        try (InputStream from = path.getFileSystem().open(path)) {
            copy(from, file);
        }
        return file;
    }

    private static void copy(InputStream from, File file) throws IOException {
        byte[] buffer = new byte[1 << 16];
        long all = 0;
        try (OutputStream to = new FileOutputStream(file)) {
            for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
                all += n;
                if (all > MOST_BYTES) {
                    throw new IOException("the jar is larger than " + MOST_BYTES + " bytes");
                }
                to.write(buffer, 0, n);
            }
        }
    }

    /** What newer versions of Flink tell besides; empty in older ones. */
    private static String text(OperatorIDPair pair, String method) {
        try {
            Object value = OperatorIDPair.class.getMethod(method).invoke(pair);
            return value == null ? "" : value.toString();
        } catch (NoSuchMethodException | IllegalAccessException | InvocationTargetException e) {
            return "";
        }
    }

    private static String stack(Thread thread) {
        StringBuilder text = new StringBuilder();
        for (StackTraceElement element : thread.getStackTrace()) {
            text.append("\tat ").append(element).append('\n');
        }
        return cut(text.toString());
    }

    private static String trace(Throwable thrown) {
        StringWriter text = new StringWriter();
        thrown.printStackTrace(new PrintWriter(text, true));
        return cut(text.toString());
    }

    private static String cut(String all) {
        return all.length() > 32768 ? all.substring(0, 16384) + "\n" + all.substring(all.length() - 16384) : all;
    }

    private static void say(String... parts) {
        StringBuilder line = new StringBuilder(MARK);
        for (String part : parts) {
            line.append('\t').append(Base64.getEncoder().encodeToString(part.getBytes(StandardCharsets.UTF_8)));
        }
        out.println(line);
        out.flush();
    }
}
