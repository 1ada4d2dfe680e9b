package org.apache.flink.autoscaler;

/** The autoscaler as the operator calls it: cleanup takes the context, unlike in the published releases. */
public interface JobAutoScaler<KEY, Context extends JobAutoScalerContext<KEY>> {
    void scale(Context context) throws Exception;

    void cleanup(Context context);
}
