package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/interrupt"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// S3Options say how an object store that speaks S3 is reached.
type S3Options struct {
	// Endpoint is a URL, or a host with or without a port; "" is Amazon's own.
	Endpoint string
	// Region is "" where it isn't known.
	Region string
	// PathStyle puts the bucket into the path instead of the host's name.
	PathStyle bool
	// Credentials are nil for what anybody may read.
	Credentials *credentials.Credentials
	// CredentialsFrom says where they come from, for messages.
	CredentialsFrom string
	// Transport carries the requests; nil is the network.
	Transport http.RoundTripper
}

// Key makes fixed credentials; token may be "".
func Key(access, secretKey, token string) *credentials.Credentials {
	return credentials.NewStaticV4(access, secretKey, token)
}

// UserCredentials are those of the user who calls: AWS_ACCESS_KEY_ID and its
// like, a web identity token (IRSA), else ~/.aws/credentials with AWS_PROFILE.
// Nothing is read or asked before a request needs them. A machine's own identity
// is not asked, because its address answers on machines of that cloud only.
func UserCredentials() *credentials.Credentials {
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{},
		&webIdentity{},
		&credentials.FileAWSCredentials{},
	})
}

// AmazonHost reports whether an endpoint is Amazon's own, as "" is.
func AmazonHost(endpoint string) bool {
	host := endpoint
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		host = u.Hostname()
	}
	return host == "" || host == "amazonaws.com" || strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn")
}

// S3 reads an object store.
type S3 struct {
	client  *minio.Client
	options S3Options
	host    string
}

const amazon = "s3.amazonaws.com"

// NewS3 makes a store; it connects to nothing yet. Its error is an endpoint that
// can't be one.
func NewS3(options S3Options) (*S3, error) {
	host, secure := options.Endpoint, true
	if host == "" {
		host = amazon
	}
	if scheme, rest, ok := strings.Cut(host, "://"); ok {
		host, secure = strings.TrimRight(rest, "/"), !strings.EqualFold(scheme, "http")
	}
	lookup := minio.BucketLookupAuto
	if options.PathStyle {
		lookup = minio.BucketLookupPath
	}
	region := options.Region
	if region == "" && !AmazonHost(options.Endpoint) {
		region = "us-east-1" // what stores other than Amazon's take; else they are asked
	}
	transport := options.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.DisableCompression = true
		transport = own
	}
	client, err := minio.New(host, &minio.Options{
		Creds: options.Credentials, Secure: secure, Region: region, BucketLookup: lookup,
		Transport: bounded{transport}, MaxRetries: 3,
	})
	if err != nil {
		return nil, fmt.Errorf("S3 endpoint %q: %w", options.Endpoint, err)
	}
	interrupt.Busy()
	return &S3{client: client, options: options, host: host}, nil
}

// bounded keeps answers that are read into memory from filling it.
type bounded struct{ http.RoundTripper }

// maxAnswer is in bytes. A page of 1,000 objects has less than 1 MB.
const maxAnswer = 16 << 20

func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err != nil {
		return response, err
	}
	query := request.URL.Query()
	object := request.Method == http.MethodGet && response.StatusCode/100 == 2 && !query.Has("list-type") && !query.Has("location")
	if !object {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxAnswer), response.Body}
	}
	return response, nil
}

// Where names the host.
func (s *S3) Where() string { return "in the object store at " + s.host }

// CredentialsFrom says whose credentials are used; "" for none.
func (s *S3) CredentialsFrom() string { return s.options.CredentialsFrom }

// object splits s3://bucket/key.
func object(path string) (bucket, key string, err error) {
	scheme, rest := Split(path)
	rest, ok := strings.CutPrefix(rest, "//")
	bucket, key, _ = strings.Cut(rest, "/")
	if !ok || !IsS3(scheme) || bucket == "" {
		return "", "", fmt.Errorf("%q is no path of S3, as in s3://bucket/savepoints/savepoint-1", path)
	}
	if err := untrusted.CheckPath((&url.URL{Path: "/" + key}).EscapedPath()); err != nil {
		return "", "", fmt.Errorf("%q isn't asked for: %w", path, err)
	}
	return bucket, key, nil
}

// CheckAddress finds what can't be the address of an object.
func CheckAddress(path string) error {
	_, key, err := object(path)
	if err == nil && (key == "" || strings.HasSuffix(key, "/")) {
		err = fmt.Errorf("%s names no object", path)
	}
	return err
}

// Open reads an object.
func (s *S3) Open(ctx context.Context, file string) (io.ReadCloser, error) {
	bucket, key, err := object(file)
	if err != nil {
		return nil, err
	}
	// Core's GetObject asks once, where Client's asks before every read.
	in, _, _, err := minio.Core{Client: s.client}.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	return in, s.explain(ctx, file, err)
}

// Stat tells of an object.
func (s *S3) Stat(ctx context.Context, file string) (Entry, error) {
	bucket, key, err := object(file)
	if err != nil {
		return Entry{}, err
	}
	info, err := s.client.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return Entry{}, s.explain(ctx, file, err)
	}
	return Entry{Path: file, Size: info.Size, Modified: info.LastModified}, nil
}

// List tells the objects whose keys begin with the directory's.
func (s *S3) List(ctx context.Context, dir string, each func(Entry) error) error {
	bucket, prefix, err := object(dir)
	if err != nil {
		return err
	}
	if prefix = strings.TrimRight(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	root := strings.TrimSuffix(strings.TrimRight(dir, "/"), strings.TrimRight(prefix, "/"))
	listing, cancel := context.WithCancel(ctx)
	defer cancel()
	n := 0
	for info := range s.client.ListObjects(listing, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if info.Err != nil {
			return s.explain(ctx, dir, info.Err)
		}
		if strings.HasSuffix(info.Key, "/") {
			continue // what consoles make to show a directory
		}
		if n++; n > MaxEntries {
			return fmt.Errorf("%s: %w", dir, ErrTooMany)
		}
		if err := each(Entry{Path: strings.TrimRight(root, "/") + "/" + info.Key, Size: info.Size, Modified: info.LastModified}); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// Remove deletes objects, a thousand with one request.
func (s *S3) Remove(ctx context.Context, files []string, gone func(file string)) error {
	byBucket := map[string]map[string]string{}
	for _, file := range files {
		bucket, key, err := object(file)
		if err != nil {
			return err
		}
		if key == "" || strings.HasSuffix(key, "/") {
			return fmt.Errorf("%q is no file", file)
		}
		if byBucket[bucket] == nil {
			byBucket[bucket] = map[string]string{}
		}
		byBucket[bucket][key] = file
	}
	for bucket, keys := range byBucket {
		removing, cancel := context.WithCancel(ctx)
		objects := make(chan minio.ObjectInfo)
		go func() {
			defer close(objects)
			for key := range keys {
				select {
				case objects <- minio.ObjectInfo{Key: key}:
				case <-removing.Done():
					return
				}
			}
		}()
		var failed error
		for result := range s.client.RemoveObjectsWithResult(removing, bucket, objects, minio.RemoveObjectsOptions{}) {
			switch {
			case result.Err == nil:
				gone(keys[result.ObjectName])
			case failed == nil:
				failed = s.explainAs(ctx, "delete", keys[result.ObjectName], result.Err)
				cancel()
			}
		}
		cancel()
		if failed != nil {
			return failed
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// Clear has nothing to do: an object store has no directories.
func (s *S3) Clear(context.Context, []string) error { return nil }

// UnansweredError says that an object store gave no answer of its own.
type UnansweredError struct{ Err error }

func (e *UnansweredError) Error() string { return e.Err.Error() }

func (e *UnansweredError) Unwrap() error { return e.Err }

// explain says what an error of S3 means, with where the credentials are from.
func (s *S3) explain(ctx context.Context, path string, err error) error {
	return s.explainAs(ctx, "read", path, err)
}

// explainAs is explain for what was tried: read, write or delete.
func (s *S3) explainAs(ctx context.Context, verb, path string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		// Not wrapped: this connection isn't that to the API server, whose words
		// it would get.
		return &UnansweredError{fmt.Errorf("%s %s at %s: %w", verb, path, s.host, err)}
	}
	from := s.options.CredentialsFrom
	if from == "" {
		from = "none"
	}
	switch answer.Code {
	case minio.NoSuchKey:
		return notThere(path, s.Where())
	case minio.NoSuchBucket:
		bucket, _, _ := object(path)
		return fmt.Errorf("%s: there is no bucket %q %s: %w", path, bucket, s.Where(), notThere(path, "no such bucket"))
	case minio.AccessDenied:
		return fmt.Errorf("%s: access denied %s\nThe credentials are those of %s; they may not %s there", path, s.Where(), from, verb)
	case minio.InvalidAccessKeyID, minio.SignatureDoesNotMatch, "InvalidTokenId", "InvalidToken": // MinIO says the third, Amazon the fourth
		return fmt.Errorf("%s: %s doesn't know the credentials (%s), which are those of %s", path, s.host, answer.Code, from)
	case "ExpiredToken", "ExpiredTokenException":
		return fmt.Errorf("%s: the credentials have expired (%s)", path, from)
	}
	return fmt.Errorf("%s: %s answers %s %s", path, s.host, answer.Code, secret.Text(answer.Message))
}
