package foretell

import "fmt"

// changedDefault is a value that a key has where nobody sets it, and the
// version from which it is another. All were compared in the options' classes of
// Flink 1.17.2, 1.18.1, 1.19.1, 1.20.1, 2.0.0, 2.2.0 and 2.3.0; what only few
// would notice is left out.
type changedDefault struct {
	keys     []string
	was, is  string
	since    int
	relevant func(f *Facts) bool
}

func checkpoints(f *Facts) bool { return f.Config["execution.checkpointing.interval"] != "" }

func exponential(f *Facts) bool {
	strategy, _ := f.Config.Get("restart-strategy.type", "restart-strategy")
	return strategy == "exponential-delay" || strategy == "exponentialdelay"
}

func encrypted(f *Facts) bool {
	for _, key := range []string{"security.ssl.internal.enabled", "security.ssl.rest.enabled", "security.ssl.enabled"} {
		if f.Config[key] == "true" {
			return true
		}
	}
	return false
}

var changedDefaults = []changedDefault{
	{[]string{"restart-strategy.type", "restart-strategy"}, "fixed-delay (every second, for ever)", "exponential-delay", 119, checkpoints},
	{[]string{"restart-strategy.exponential-delay.max-backoff"}, "5 min", "1 min", 119, exponential},
	{[]string{"restart-strategy.exponential-delay.backoff-multiplier"}, "2.0", "1.5", 119, exponential},
	{[]string{"security.ssl.algorithms"}, "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 203, encrypted},
	{[]string{"security.ssl.verify-hostname"}, "true", "false", 203, encrypted},
}

// defaults says what behaves otherwise under the new version although nobody has
// set it.
func defaults(f *Facts) []Finding {
	was, is := number(f.versionBefore()), number(f.version())
	if was == 0 || is == 0 || is <= was {
		return nil
	}
	var out []Finding
	for _, d := range changedDefaults {
		if _, set := f.Config.Get(d.keys...); set != "" || was >= d.since || is < d.since || !d.relevant(f) {
			continue
		}
		out = append(out, Finding{
			ID: "DEFAULT", Level: Note,
			Text: fmt.Sprintf("%s isn't set, and its default changes from %s to %s", d.keys[0], d.was, d.is),
			Todo: "set it to keep what it is now",
		})
	}
	if was < 200 && is >= 200 && f.Graph == nil {
		out = append(out, Finding{
			ID: "PROGRAM", Level: Unknown,
			Text: "whether the program is built for Flink 2: the DataSet and the Scala API are gone, and SourceFunction and SinkFunction are no longer public",
		})
	}
	return out
}
