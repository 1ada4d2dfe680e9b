package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"
)

// PartSize is how large the parts of an upload are, in bytes. A file that isn't
// larger is sent with one request.
const PartSize = 8 << 20

const (
	// partsAtOnce is how many parts are on their way together.
	partsAtOnce = 3
	// abortLimit bounds how long an upload that failed is taken back.
	abortLimit = 20 * time.Second
)

// ErrExists says that a file is there already that wasn't to be replaced.
var ErrExists = errors.New("it is there already")

// Upload is how a file is written.
type Upload struct {
	// Replace allows to replace a file that is there.
	Replace bool
	// Sent is called with how many bytes were sent so far; nil: no progress. Several
	// goroutines call it.
	Sent func(bytes int64)
}

// Put writes a file: all of it or, also after an error or the end of ctx, nothing.
// The store is sent the checksum of each part and refuses what doesn't fit. Its
// error is ErrExists where the file came to be there meanwhile.
func (s *S3) Put(ctx context.Context, file string, in io.ReaderAt, d *Digest, upload Upload) error {
	bucket, key, err := object(file)
	if err != nil {
		return err
	}
	var sent atomic.Int64
	counted := func(n int64) {
		if now := sent.Add(n); upload.Sent != nil {
			upload.Sent(now)
		}
	}
	core := minio.Core{Client: s.client}
	put := func(options minio.PutObjectOptions) error {
		if len(d.parts) > 1 {
			return s.putParts(ctx, core, bucket, key, in, d, options, counted)
		}
		part := &counting{ReadSeeker: io.NewSectionReader(in, 0, d.Size), count: counted}
		_, err := core.PutObject(ctx, bucket, key, part, d.Size, "", d.SHA256, options)
		return err
	}
	// The sums are those of the digest and not of what is read now: a file that is
	// written meanwhile is refused by the store.
	options := minio.PutObjectOptions{ContentType: "application/java-archive", DisableContentSha256: true}
	guarded := options
	if !upload.Replace {
		guarded.SetMatchETagExcept("*") // If-None-Match
	}
	err = put(guarded)
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) || upload.Replace {
		return s.explainAs(ctx, "write", file, err)
	}
	switch {
	case answer.StatusCode == http.StatusPreconditionFailed || answer.Code == "PreconditionFailed":
		return fmt.Errorf("%s: %w", file, ErrExists)
	case answer.StatusCode == http.StatusNotImplemented || answer.Code == "NotImplemented":
		// A store that doesn't know the condition: it was looked at before.
		sent.Store(0)
		err = put(options)
	}
	return s.explainAs(ctx, "write", file, err)
}

// putParts sends a file in parts. What was sent is taken back where it fails.
func (s *S3) putParts(ctx context.Context, core minio.Core, bucket, key string, in io.ReaderAt, d *Digest, options minio.PutObjectOptions, counted func(int64)) (err error) {
	id, err := core.NewMultipartUpload(ctx, bucket, key, minio.PutObjectOptions{ContentType: options.ContentType})
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortLimit)
		defer cancel()
		var gone minio.ErrorResponse
		if abort := core.AbortMultipartUpload(away, bucket, key, id); abort != nil && (!errors.As(abort, &gone) || gone.Code != minio.NoSuchUpload) {
			err = fmt.Errorf("%w\nWhat was sent of it couldn't be taken back (upload %s): %w", err, id, abort)
		}
	}()
	done := make([]minio.CompletePart, len(d.parts))
	group, sending := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	for n, part := range d.parts {
		group.Go(func() error {
			if sending.Err() != nil {
				return context.Cause(sending)
			}
			body := &counting{ReadSeeker: io.NewSectionReader(in, int64(n)*PartSize, part.size), count: counted}
			got, err := core.PutObjectPart(sending, bucket, key, id, n+1, body, part.size, minio.PutObjectPartOptions{Sha256Hex: part.sha256, DisableContentSha256: true})
			done[n] = minio.CompletePart{PartNumber: n + 1, ETag: got.ETag}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err = core.CompleteMultipartUpload(ctx, bucket, key, id, done, options)
	return err
}

// counting tells how many bytes are read; what is read again after a failed try
// doesn't count twice.
type counting struct {
	io.ReadSeeker
	at, reported int64
	count        func(int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	if c.at += int64(n); c.at > c.reported {
		c.count(c.at - c.reported)
		c.reported = c.at
	}
	return n, err
}

func (c *counting) Seek(offset int64, whence int) (int64, error) {
	at, err := c.ReadSeeker.Seek(offset, whence)
	c.at = at
	return at, err
}

// Holds reports whether a file is there, and whether it has the bytes that a
// digest is of. Where the store's own checksum doesn't prove it, the file is read.
func (s *S3) Holds(ctx context.Context, file string, d *Digest) (there, same bool, err error) {
	bucket, key, err := object(file)
	if err != nil {
		return false, false, err
	}
	info, err := s.client.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	var answer minio.ErrorResponse
	switch {
	case errors.As(err, &answer) && answer.Code == minio.NoSuchKey:
		return false, false, nil
	case err != nil:
		return false, false, s.explain(ctx, file, err)
	case info.Size != d.Size:
		return true, false, nil
	case d.fits(info.ETag):
		return true, true, nil
	}
	// With encryption, or in parts of another size, the tag is another one.
	in, err := s.Open(ctx, file)
	if err != nil {
		return true, false, err
	}
	defer in.Close()
	same, err = d.equals(stoppable{ctx, in})
	if err != nil {
		return true, false, s.explain(ctx, file, err)
	}
	return true, same, nil
}
