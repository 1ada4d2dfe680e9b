package storage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// newestScript prints the number and the time of the newest checkpoint in a
// directory, and its _metadata: in one go, because a job that takes checkpoints fast
// deletes one while another program looks for it. What is open stays readable. The
// newest directories may be of checkpoints that are still being taken.
const newestScript = `cd "$1" || exit 2
for try in 1 2 3 4 5; do
  for n in $(ls | sed -n 's/^chk-\([0-9]\{1,18\}\)$/\1/p' | sort -rn | head -n 5); do
    ( exec 3<"chk-$n/_metadata" && printf '%s %s\n' "$n" "$(stat -L -c %Y /proc/self/fd/3)" && exec cat <&3 ) 2>/dev/null && exit 0
  done
done
echo 'No such file' >&2
exit 3`

// ReadNewest reads the _metadata of the newest checkpoint in a directory of a job's
// run. What it names isn't looked for.
func (p *Pod) ReadNewest(ctx context.Context, dir string) (Inspection, error) {
	file, err := p.file(dir)
	if err != nil {
		return Inspection{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, in := io.Pipe()
	defer func() { _ = out.Close() }()
	go func() {
		var said tail
		err := p.Exec(ctx, []string{"sh", "-c", newestScript, "sh", file}, in, &said)
		in.CloseWithError(p.explain(ctx, Join(dir, "chk-…"), said.String(), err)) // nil is the end
	}()
	content := bufio.NewReader(out)
	head, err := content.ReadSlice('\n')
	if err != nil {
		return Inspection{}, err
	}
	number, seconds, _ := strings.Cut(strings.TrimSpace(string(head)), " ")
	n, err1 := strconv.ParseUint(number, 10, 63)
	at, err2 := strconv.ParseInt(seconds, 10, 64)
	if err1 != nil || err2 != nil {
		return Inspection{}, fmt.Errorf("%s: what pod %s says of its newest checkpoint can't be read", dir, p.Name)
	}
	found, err := Read(ctx, content)
	path := Join(dir, "chk-"+strconv.FormatUint(n, 10))
	if err != nil {
		return found, fmt.Errorf("%s: %w", Join(path, MetadataFile), err)
	}
	found.Dir, found.Where, found.Taken = path, p.Where(), time.Unix(at, 0)
	found.Unchecked = "they weren't looked for"
	return found, nil
}
