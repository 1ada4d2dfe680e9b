import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Base64;
import java.util.Deque;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.core.fs.FSDataOutputStream;
import org.apache.flink.core.fs.FileStatus;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;
import org.apache.flink.core.plugin.PluginUtils;

/**
 * Writes, reads, lists and deletes a file in directories of state, through Flink's own
 * file systems, and says how each step went. Settings come on standard input, KEY=VALUE a
 * line up to an empty one; directories, the name of the probe and the limit of a step in
 * seconds are arguments. What is printed has one line a step: directory, step, outcome
 * and text, separated by tabs and in Base64, because other libraries print too.
 */
public final class StateProbe {
    private static final String MARK = "kubectl-flink-probe";
    private static PrintStream out;

    private final ExecutorService runner = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "probe");
        thread.setDaemon(true); // a step that hangs doesn't keep the program
        return thread;
    });
    private final String dir;
    private final String name;
    private final long limit;

    private StateProbe(String dir, String name, long limit) {
        this.dir = dir;
        this.name = name;
        this.limit = limit;
    }

    public static void main(String[] args) throws Exception {
        out = System.out;
        System.setOut(System.err); // what libraries print isn't for the reader
        String name = args[0];
        long limit = Long.parseLong(args[1]);
        Configuration config = GlobalConfiguration.loadConfiguration();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
            int at = line.indexOf('=');
            if (at > 0) {
                config.setString(line.substring(0, at), line.substring(at + 1));
            }
        }
        FileSystem.initialize(config, PluginUtils.createPluginManagerFromRootFolder(config));
        for (String dir : Arrays.asList(args).subList(2, args.length)) {
            new StateProbe(dir, name, limit).probe();
        }
        say("", "end", "ok", "");
        out.flush();
        System.exit(0);
    }

    private void probe() {
        byte[] content = (MARK + " " + name).getBytes(StandardCharsets.UTF_8);
        Path root = new Path(dir);
        Path file = new Path(root, name);
        FileSystem[] system = new FileSystem[1];
        Deque<Path> made = new ArrayDeque<>();
        if (!step("open", () -> {
            system[0] = root.getFileSystem();
            return "";
        })) {
            return;
        }
        FileSystem fs = system[0];
        boolean wrote = step("write", () -> {
            // Directories that come into being with the file are removed again.
            for (Path at = root; at != null && at.getParent() != null && !fs.exists(at); at = at.getParent()) {
                made.addLast(at);
            }
            try (FSDataOutputStream stream = fs.create(file, FileSystem.WriteMode.NO_OVERWRITE)) {
                ((OutputStream) stream).write(content);
            }
            return "";
        });
        if (wrote) {
            step("read", () -> {
                byte[] got = new byte[content.length + 1];
                int n = 0;
                try (InputStream stream = fs.open(file)) {
                    for (int more = stream.read(got, n, got.length - n); more > 0; more = stream.read(got, n, got.length - n)) {
                        n += more;
                    }
                }
                if (n != content.length || !Arrays.equals(Arrays.copyOf(got, n), content)) {
                    throw new java.io.IOException("what was read isn't what was written");
                }
                return "";
            });
            step("list", () -> {
                FileStatus[] found = fs.listStatus(root);
                for (FileStatus status : found == null ? new FileStatus[0] : found) {
                    if (status.getPath().getName().equals(name)) {
                        return "";
                    }
                }
                throw new java.io.IOException("the file that was written isn't in the listing");
            });
        }
        Callable<String> clean = () -> {
            if (fs.exists(file)) {
                fs.delete(file, false);
                if (fs.exists(file)) {
                    throw new java.io.IOException("the file is still there after it was deleted");
                }
            } else if (wrote) {
                throw new java.io.IOException("the file that was written isn't there any more");
            }
            for (Path at : made) {
                if (fs.exists(at)) {
                    FileStatus[] inside = fs.listStatus(at);
                    if (inside == null || inside.length == 0) {
                        fs.delete(at, false);
                    }
                }
            }
            return "";
        };
        if (wrote) {
            step("delete", clean);
            return;
        }
        try {
            runner.submit(clean).get(limit, TimeUnit.SECONDS); // of half a write, too
        } catch (Exception e) {
            // why nothing can be written was told
        }
    }

    private boolean step(String step, Callable<String> work) {
        Future<String> future = runner.submit(work);
        try {
            say(dir, step, "ok", future.get(limit, TimeUnit.SECONDS));
            return true;
        } catch (TimeoutException e) {
            say(dir, step, "timeout", "");
        } catch (ExecutionException e) {
            say(dir, step, "failed", trace(e.getCause()));
        } catch (InterruptedException e) {
            say(dir, step, "failed", trace(e));
        }
        return false;
    }

    private static String trace(Throwable thrown) {
        StringWriter text = new StringWriter();
        thrown.printStackTrace(new PrintWriter(text, true));
        String all = text.toString();
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
