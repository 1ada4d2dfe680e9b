package org.apache.flink.autoscaler.validation;

import java.util.Optional;
import org.apache.flink.configuration.Configuration;

/** Accepts every configuration, as there is no autoscaler that could mind. */
public class AutoscalerValidator {
    public Optional<String> validateAutoscalerOptions(Configuration configuration) {
        return Optional.empty();
    }
}
