package org.apache.flink.autoscaler;

/** An autoscaler that never scales. */
public class NoopJobAutoscaler<KEY, Context extends JobAutoScalerContext<KEY>>
        implements JobAutoScaler<KEY, Context> {
    @Override
    public void scale(Context context) {}

    @Override
    public void cleanup(Context context) {}
}
