// Package version knows which build this is.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Set by the linker in release builds.
var (
	number = ""
	commit = ""
	date   = ""
)

// Info says which build a binary is.
type Info struct {
	Version   string `json:"version"`
	Commit    string `json:"commit,omitempty"`
	Date      string `json:"date,omitempty"`
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

// Get is this binary's build: the linker's values, else what the Go toolchain
// recorded (as in `go install`), else "dev".
func Get() Info {
	info := Info{
		Version: number, Commit: commit, Date: date,
		GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		if v := build.Main.Version; info.Version == "" && v != "" && v != "(devel)" {
			info.Version = v
		}
		for _, s := range build.Settings {
			switch {
			case s.Key == "vcs.revision" && info.Commit == "":
				info.Commit = s.Value
			case s.Key == "vcs.time" && info.Date == "":
				info.Date = s.Value
			}
		}
	}
	if info.Version == "" {
		info.Version = "dev"
	}
	return info
}

// UserAgent is what servers see of the program called name.
func (i Info) UserAgent(name string) string {
	agent := fmt.Sprintf("%s/%s (%s)", name, i.Version, i.Platform)
	if len(i.Commit) >= 7 {
		agent += " " + i.Commit[:7]
	}
	return agent
}
