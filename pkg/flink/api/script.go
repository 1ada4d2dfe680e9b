package api

// ScriptVolume is the volume of pod templates that has the SQL script of an
// application.
const ScriptVolume = "flink-sql-script"

// ScriptConfigMap is the ConfigMap of the SQL script that a FlinkDeployment's
// spec runs; "" where it mounts none.
func ScriptConfigMap(spec map[string]any) string {
	return Text(FindVolume(spec, ScriptVolume), "configMap", "name")
}

// FindVolume is a volume of the JobManager's pod templates, by name; nil where
// there is none. It isn't a copy.
func FindVolume(spec map[string]any, name string) map[string]any {
	for _, template := range []map[string]any{Section(spec, "jobManager", "podTemplate", "spec"), Section(spec, "podTemplate", "spec")} {
		volumes, _ := template["volumes"].([]any)
		for _, item := range volumes {
			if one, _ := item.(map[string]any); Text(one, "name") == name {
				return one
			}
		}
	}
	return nil
}
