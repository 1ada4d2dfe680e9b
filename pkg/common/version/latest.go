package version

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/version"
)

// LatestURL is asked for the latest release, and only when a user asks.
const LatestURL = "https://api.github.com/repos/kubectl-flink/kubectl-flink/releases/latest"

// releasesPage is for people who can't be answered.
const releasesPage = "https://github.com/kubectl-flink/kubectl-flink/releases"

// Latest is the answer to the question for a newer release.
type Latest struct {
	Version string `json:"latest"`
	// Page is where to read about it and get it.
	Page string `json:"page"`
	// Newer says that it is newer than this build. Comparable is false for
	// builds that are no release.
	Newer      bool `json:"newer"`
	Comparable bool `json:"comparable"`
}

// Latest asks url for the latest release and compares it with info.
func (i Info) Latest(ctx context.Context, url, program string) (Latest, error) {
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, url, nil)
	if err != nil {
		return Latest{}, err
	}
	request.Header.Set("Accept", "application/vnd.github+json")
	request.Header.Set("User-Agent", i.UserAgent(program))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return Latest{}, context.Cause(ctx)
		}
		// Not wrapped: an unreachable GitHub isn't to be reported as a cluster that
		// can't be reached.
		return Latest{}, fmt.Errorf("ask for the latest release: %v\nLook at %s with a browser", err, releasesPage) //nolint:errorlint // as said above
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return Latest{}, fmt.Errorf("there is no release at %s", releasesPage)
	case http.StatusForbidden, http.StatusTooManyRequests:
		return Latest{}, fmt.Errorf("ask for the latest release: %s answered %s: it takes few questions an hour from one address\nLook at %s with a browser", url, response.Status, releasesPage)
	default:
		return Latest{}, fmt.Errorf("ask for the latest release: %s answered %s\nLook at %s with a browser", url, response.Status, releasesPage)
	}
	var release struct {
		Tag  string `json:"tag_name"`
		Page string `json:"html_url"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&release); err != nil {
		return Latest{}, fmt.Errorf("read what the latest release is: %w", err)
	}
	latest := Latest{Version: release.Tag, Page: release.Page}
	newest, err := version.ParseSemantic(release.Tag)
	if err != nil {
		return latest, fmt.Errorf("the latest release is called %q, which is no version", release.Tag)
	}
	if own, err := version.ParseSemantic(i.Version); err == nil {
		latest.Comparable = true
		latest.Newer = own.LessThan(newest)
	}
	return latest, nil
}
