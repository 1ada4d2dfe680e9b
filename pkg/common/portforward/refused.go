package portforward

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// rememberFor is how long a refused transport isn't tried first again.
const rememberFor = 24 * time.Hour

// refusals remembers which transports an API server, or a proxy before it,
// refused: in memory, and in one small file per server where there is a
// directory for it. Time-outs and missing permissions are never remembered.
type refusals struct {
	file string
	now  func() time.Time

	mu     sync.Mutex
	loaded bool
	until  map[Transport]time.Time
}

func newRefusals(dir, host string, now func() time.Time) *refusals {
	r := &refusals{now: now, until: map[Transport]time.Time{}}
	if r.now == nil {
		r.now = time.Now
	}
	if dir != "" {
		sum := sha256.Sum256([]byte(host))
		r.file = filepath.Join(dir, "transport-"+hex.EncodeToString(sum[:8])+".json")
	}
	return r
}

// load reads the file once. A file that can't be read is as good as none.
func (r *refusals) load() {
	if r.loaded || r.file == "" {
		return
	}
	r.loaded = true
	data, err := os.ReadFile(r.file)
	if err != nil {
		return
	}
	var stored map[Transport]time.Time
	if json.Unmarshal(data, &stored) == nil {
		for via, until := range stored {
			if until.Before(r.now().Add(rememberFor + time.Minute)) {
				r.until[via] = until
			}
		}
	}
}

func (r *refusals) has(via Transport) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load()
	return r.until[via].After(r.now())
}

func (r *refusals) add(via Transport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load()
	r.until[via] = r.now().Add(rememberFor)
	r.store()
}

func (r *refusals) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = map[Transport]time.Time{}
	r.store()
}

// store rewrites the file. Failing to remember costs one round trip next
// time and nothing else, so errors are dropped.
func (r *refusals) store() {
	if r.file == "" {
		return
	}
	data, err := json.Marshal(r.until)
	if err != nil {
		return
	}
	dir := filepath.Dir(r.file)
	if os.MkdirAll(dir, 0o700) != nil {
		return
	}
	temp, err := os.CreateTemp(dir, ".transport-*")
	if err != nil {
		return
	}
	_, err = temp.Write(data)
	if closeErr := temp.Close(); err != nil || closeErr != nil || os.Rename(temp.Name(), r.file) != nil {
		os.Remove(temp.Name())
	}
}
