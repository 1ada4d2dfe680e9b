import org.apache.flink.api.common.*;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.*;
import org.apache.flink.api.common.state.*;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.configuration.*;
import org.apache.flink.core.execution.*;
import org.apache.flink.runtime.checkpoint.*;
import org.apache.flink.runtime.checkpoint.metadata.*;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.*;
import org.apache.flink.runtime.state.*;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.util.Collector;
import java.io.*;
import java.nio.file.*;
import java.util.*;

/**
 * Runs a small job on a local cluster once for each way to keep state, takes a
 * checkpoint or savepoint of it, and keeps beside the _metadata what Flink's own
 * reader says of it (flink.txt) and which files were there (files.txt).
 *
 * Make DIRECTORY VERSION [NAME...]
 */
public class Make {
  public static class Slow extends RichMapFunction<Long, Long> implements CheckpointedFunction {
    final int millis; transient ListState<Long> split, union; transient BroadcastState<String, String> rules; long n;
    Slow(int millis) { this.millis = millis; }
    public Long map(Long v) throws Exception { n++; if (millis > 0) Thread.sleep(millis); return v; }
    public void snapshotState(FunctionSnapshotContext c) throws Exception {
      split.update(List.of(n, n + 1)); union.update(List.of(n)); rules.put("rule", "value");
    }
    public void initializeState(FunctionInitializationContext c) throws Exception {
      split = c.getOperatorStateStore().getListState(new ListStateDescriptor<>("counts", Types.LONG));
      union = c.getOperatorStateStore().getUnionListState(new ListStateDescriptor<>("all-counts", Types.LONG));
      rules = c.getOperatorStateStore().getBroadcastState(new MapStateDescriptor<>("rules", Types.STRING, Types.STRING));
    }
  }
  public static class Count extends KeyedProcessFunction<Long, Long, String> {
    transient ValueState<Long> n; transient MapState<Long, String> seen;
    void open() {
      n = getRuntimeContext().getState(new ValueStateDescriptor<>("n", Types.LONG));
      seen = getRuntimeContext().getMapState(new MapStateDescriptor<>("seen", Types.LONG, Types.STRING));
    }
    public void processElement(Long v, Context c, Collector<String> out) throws Exception {
      if (n == null) open();
      Long was = n.value(); n.update(was == null ? 1 : was + 1); seen.put(v % 7, "value of " + v);
      c.timerService().registerProcessingTimeTimer(Long.MAX_VALUE - 1);
      out.collect("" + v);
    }
  }
  public static class Last extends RichMapFunction<String, String> {
    final int millis; Last(int millis) { this.millis = millis; }
    public String map(String v) throws Exception { if (millis > 0) Thread.sleep(millis); return v; }
  }

  static void run(String base, String name, String what, boolean finished, String... conf) throws Exception {
    Configuration c = new Configuration();
    String root = base + "/" + name;
    c.setString("execution.checkpointing.dir", "file://" + root + "/checkpoints");
    c.setString("execution.checkpointing.savepoint-dir", "file://" + root + "/savepoints");
    c.setString("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
    c.setString("execution.checkpointing.interval", "1h");
    c.setString("execution.checkpointing.num-retained", "1");
    c.setString("rest.port", "0");
    c.setString("taskmanager.memory.managed.size", "128m");
    c.setString("taskmanager.memory.network.max", "64m");
    for (int i = 0; i < conf.length; i += 2) c.setString(conf[i], conf[i + 1]);
    MiniClusterConfiguration mc = new MiniClusterConfiguration.Builder().setConfiguration(c).setNumTaskManagers(1).setNumSlotsPerTaskManager(3).build();
    try (MiniCluster cluster = new MiniCluster(mc)) {
      cluster.start();
      StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(c);
      env.configure(c, Make.class.getClassLoader());
      boolean slow = what.equals("unaligned"); boolean fewer = what.equals("few");
      env.setParallelism(2); env.setMaxParallelism(16);
      var numbers = env.fromSource(new NumberSequenceSource(0, Long.MAX_VALUE - 1), WatermarkStrategy.noWatermarks(), "numbers").uid("numbers");
      org.apache.flink.streaming.api.datastream.DataStream<Long> all = numbers;
      if (finished) {
        var few = env.fromSource(new NumberSequenceSource(0, 10), WatermarkStrategy.noWatermarks(), "few").uid("few");
        all = numbers.union(few);
      }
      all.rebalance().map(new Slow(slow ? 0 : fewer ? 40 : 1)).name("slow").uid("slow")
         .keyBy(v -> v % 100, Types.LONG).process(new Count()).returns(Types.STRING).name("count per key").uid("count")
         .rebalance().map(new Last(slow ? 20 : 0)).name("last") // no uid
         .sinkTo(new org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink<>()).name("nowhere");
      JobGraph graph = env.getStreamGraph().getJobGraph();
      JobID id = graph.getJobID();
      cluster.submitJob(graph).get();
      while (true) {
        Thread.sleep(300);
        try {
          var g = cluster.getExecutionGraph(id).get();
          boolean ok = g.getState() == JobStatus.RUNNING;
          int ended = 0;
          for (var v : g.getAllExecutionVertices()) {
            var s = v.getExecutionState();
            ok &= s == org.apache.flink.runtime.execution.ExecutionState.RUNNING || finished && s == org.apache.flink.runtime.execution.ExecutionState.FINISHED;
            if (s == org.apache.flink.runtime.execution.ExecutionState.FINISHED) ended++;
          }
          if (ok && (!finished || ended >= 2)) break;
        } catch (java.util.concurrent.ExecutionException e) { }
      }
      Thread.sleep(1500);
      String path;
      switch (what) {
        case "canonical": path = cluster.triggerSavepoint(id, "file://" + root + "/savepoints", false, SavepointFormatType.CANONICAL).get(); break;
        case "native": path = cluster.triggerSavepoint(id, "file://" + root + "/savepoints", false, SavepointFormatType.NATIVE).get(); break;
        case "three": cluster.triggerCheckpoint(id).get(); Thread.sleep(700); cluster.triggerCheckpoint(id).get(); Thread.sleep(700);
        default: path = cluster.triggerCheckpoint(id).get();
      }
      cluster.cancelJob(id).get();
      Thread.sleep(500);
      java.nio.file.Path dir = Paths.get(java.net.URI.create(path));
      System.out.println(name + " " + dir);
      java.nio.file.Path out = Paths.get(base, "out", name); Files.createDirectories(out);
      Files.copy(dir.resolve("_metadata"), out.resolve("_metadata"), StandardCopyOption.REPLACE_EXISTING);
      // what Flink itself reads of it
      try (DataInputStream in = new DataInputStream(Files.newInputStream(dir.resolve("_metadata"))); PrintWriter w = new PrintWriter(out.resolve("flink.txt").toFile())) {
        CheckpointMetadata m = Checkpoints.loadCheckpointMetadata(in, Make.class.getClassLoader(), path);
        w.println("checkpoint\t" + m.getCheckpointId());
        var p = m.getCheckpointProperties();
        w.println("savepoint\t" + p.isSavepoint() + "\t" + p.getCheckpointType().getName());
        for (OperatorState o : m.getOperatorStates()) {
          String n = "", u = "";
          try { n = (String) ((Optional<Object>) OperatorState.class.getMethod("getOperatorName").invoke(o)).orElse(""); u = (String) ((Optional<Object>) OperatorState.class.getMethod("getOperatorUid").invoke(o)).orElse(""); } catch (NoSuchMethodException e) { }
          long[] k = new long[6];
          for (OperatorSubtaskState s : o.getStates()) {
            for (var h : s.getManagedKeyedState()) k[0] += h.getStateSize();
            for (var h : s.getRawKeyedState()) k[1] += h.getStateSize();
            for (var h : s.getManagedOperatorState()) k[2] += h.getStateSize();
            for (var h : s.getRawOperatorState()) k[3] += h.getStateSize();
            for (var h : s.getInputChannelState()) k[4] += h.getStateSize();
            for (var h : s.getResultSubpartitionState()) k[5] += h.getStateSize();
          }
          w.println("operator\t" + o.getOperatorID().toHexString() + "\t" + n + "\t" + u + "\t" + o.getParallelism() + "\t" + o.getMaxParallelism() + "\t" + o.getNumberCollectedStates() + "\t" + o.isFullyFinished() + "\t" + o.getStateSize() + "\t" + (o.getCoordinatorState() == null ? 0 : o.getCoordinatorState().getStateSize()) + "\t" + k[0] + "\t" + k[1] + "\t" + k[2] + "\t" + k[3] + "\t" + k[4] + "\t" + k[5]);
        }
      }
      try (PrintWriter w = new PrintWriter(out.resolve("files.txt").toFile())) {
        w.println("# " + dir);
        Files.walk(Paths.get(root)).filter(Files::isRegularFile).sorted().forEach(f -> w.println(f + "\t" + f.toFile().length()));
      }
    }
  }

  public static void main(String[] a) throws Exception {
    String base = a[0]; boolean two = a[1].startsWith("2"); Set<String> only = new HashSet<>(Arrays.asList(a).subList(2, a.length));
    String be = "state.backend.type", inc = "execution.checkpointing.incremental", mem = "state.storage.fs.memory-threshold", thr = "execution.checkpointing.data-inline-threshold";
    String[][] all = {
      {"hashmap-checkpoint", "checkpoint", be, "hashmap", inc, "false", thr, "0"},
      {"hashmap-inline", "checkpoint", be, "hashmap", inc, "false"},
      {"rocksdb-full", "checkpoint", be, "rocksdb", inc, "false", thr, "0"},
      {"rocksdb-incremental", "three", be, "rocksdb", inc, "true", thr, "0"},
      {"savepoint-canonical", "canonical", be, "rocksdb", inc, "true", thr, "0"},
      {"savepoint-native-rocksdb", "native", be, "rocksdb", inc, "true", thr, "0"},
      {"savepoint-native-hashmap", "native", be, "hashmap", thr, "0"},
      {"unaligned", "unaligned", be, "hashmap", inc, "false", "execution.checkpointing.unaligned.enabled", "true", "taskmanager.memory.segment-size", "4k", "taskmanager.network.memory.buffers-per-channel", "1", "taskmanager.network.memory.floating-buffers-per-gate", "1", thr, "0"},
      {"changelog", "three", be, "rocksdb", inc, "true", thr, "0", "state.changelog.enabled", "true", "state.backend.changelog.enabled", "true", "state.changelog.storage", "filesystem", "state.backend.changelog.storage", "filesystem", "dstl.dfs.base-path", "file://" + base + "/changelog/dstl", "state.changelog.periodic-materialize.interval", "2s", "state.backend.changelog.periodic-materialize.interval", "2s"},
      {"changelog-memory", "few", be, "hashmap", inc, "true", "execution.checkpointing.unaligned.enabled", "true", "taskmanager.memory.segment-size", "4k", "taskmanager.network.memory.buffers-per-channel", "1", "taskmanager.network.memory.floating-buffers-per-gate", "1", "state.changelog.enabled", "true", "state.backend.changelog.enabled", "true", "state.changelog.storage", "memory", "state.backend.changelog.storage", "memory"},
      {"file-merging", "three", be, "rocksdb", inc, "true", thr, "0", "execution.checkpointing.file-merging.enabled", "true"},
      {"finished", "finished", be, "hashmap", inc, "false"},
      {"forst", "three", be, "forst", inc, "true", thr, "0"},
    };
    for (String[] s : all) {
      if (!only.isEmpty() && !only.contains(s[0])) continue;
      if (s[0].equals("forst") && !two) continue;
      try { run(base, s[0], s[1], s[1].equals("finished"), Arrays.copyOfRange(s, 2, s.length)); }
      catch (Throwable t) { System.out.println(s[0] + " FAILED"); t.printStackTrace(System.out); }
    }
    System.exit(0);
  }
}
