package sqlgateway

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// checkHandle refuses a handle that no gateway gives: it goes into addresses
// and messages.
func checkHandle(what, handle string) error {
	switch {
	case handle == "":
		return fmt.Errorf("the SQL gateway gave no handle of the %s", what)
	case !untrusted.IsUUID(handle):
		return fmt.Errorf("the SQL gateway gave a handle of the %s that is none: %.100q", what, handle)
	}
	return nil
}

// nextToken is the token in next, the address of an operation's next page;
// ok is false where there is none. An address of anything else is an error.
func nextToken(next string, operation httpapi.Address) (token int64, ok bool, err error) {
	if next == "" {
		return 0, false, nil
	}
	path, _, _ := strings.Cut(next, "?")
	version, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	number, isVersion := strings.CutPrefix(version, "v")
	if _, err := strconv.ParseUint(number, 10, 8); err != nil {
		isVersion = false
	}
	text, below := strings.CutPrefix("/"+rest, operation.Escaped()+"/result/")
	token, parseErr := strconv.ParseInt(text, 10, 64)
	if !isVersion || !below || parseErr != nil || token < 0 || !strings.HasPrefix(next, "/v") {
		return 0, false, fmt.Errorf("the SQL gateway names a next page that is none of this statement's: %.200q", next)
	}
	return token, true, nil
}
