package storage

import (
	"context"
	"crypto/md5" //nolint:gosec // what S3 makes its tags of; SHA-256 proves
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// Digest are the checksums of a file, whole and in the parts that an upload has.
type Digest struct {
	// Size is in bytes.
	Size int64
	// SHA256 is of the whole file, in hexadecimal digits.
	SHA256 string

	parts []part
	// md5 is of the whole file, and md5s of the parts' sums: S3's tags of a file
	// that was sent whole, and in these parts.
	md5, md5s string
}

type part struct {
	size   int64
	sha256 string
}

// DigestOf reads a file of size bytes to its end. Its error is one of reading, or
// the end of ctx.
func DigestOf(ctx context.Context, in io.ReaderAt, size int64) (*Digest, error) {
	d := &Digest{Size: size}
	whole, whole5, sums5 := sha256.New(), md5.New(), md5.New() //nolint:gosec // as above
	buffer := make([]byte, 1<<20)
	for at := int64(0); at < size || at == 0; at += PartSize {
		one := part{size: min(PartSize, size-at)}
		sum, sum5 := sha256.New(), md5.New() //nolint:gosec // as above
		n, err := io.CopyBuffer(writers{whole, whole5, sum, sum5}, stoppable{ctx, io.NewSectionReader(in, at, one.size)}, buffer)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, err
		case n != one.size:
			return nil, fmt.Errorf("it ends after %d bytes, and had %d: it is being written", at+n, size)
		}
		one.sha256 = hex.EncodeToString(sum.Sum(nil))
		sums5.Write(sum5.Sum(nil))
		d.parts = append(d.parts, one)
	}
	d.SHA256, d.md5 = hex.EncodeToString(whole.Sum(nil)), hex.EncodeToString(whole5.Sum(nil))
	d.md5s = fmt.Sprintf("%s-%d", hex.EncodeToString(sums5.Sum(nil)), len(d.parts))
	return d, nil
}

// writers writes to several hashes, none of which fails.
type writers []io.Writer

func (w writers) Write(p []byte) (int, error) {
	for _, one := range w {
		_, _ = one.Write(p)
	}
	return len(p), nil
}

// fits reports whether a tag of S3 proves that a file of the same size is the same.
func (d *Digest) fits(tag string) bool { return tag == d.md5 || tag == d.md5s }

// equals reads what is to be the same.
func (d *Digest) equals(in io.Reader) (bool, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(in, d.Size+1))
	return n == d.Size && hex.EncodeToString(sum.Sum(nil)) == d.SHA256, err
}
