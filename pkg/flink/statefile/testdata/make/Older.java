import org.apache.flink.runtime.checkpoint.*;
import org.apache.flink.runtime.checkpoint.metadata.*;
import java.io.*;
import java.nio.file.*;
/** Writes a _metadata again in an older version, with Flink's own serializers: Older VERSION POINTER IN OUT. */
public class Older {
  public static void main(String[] a) throws Exception {
    try (DataInputStream in = new DataInputStream(Files.newInputStream(Paths.get(a[2]))); DataOutputStream out = new DataOutputStream(Files.newOutputStream(Paths.get(a[3])))) {
      CheckpointMetadata m = Checkpoints.loadCheckpointMetadata(in, Older.class.getClassLoader(), a[1]);
      Checkpoints.storeCheckpointMetadata(m, out, MetadataSerializers.getSerializer(Integer.parseInt(a[0])));
    }
  }
}
