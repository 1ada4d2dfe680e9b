package reach

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

const ofEnvironment = "your environment (AWS_ACCESS_KEY_ID, AWS_PROFILE, …)"

// UserS3 is the object store of the user's own environment, for a path that
// belongs to no job.
func UserS3() (storage.Store, error) { return storage.NewS3(userOptions("")) }

// userOptions are those of the user's own environment, for an endpoint; "" is the
// environment's.
func userOptions(endpoint string) storage.S3Options {
	endpoint = cmp.Or(endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	return storage.S3Options{
		Endpoint: endpoint, Region: cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")), PathStyle: !storage.AmazonHost(endpoint),
		Credentials: storage.UserCredentials(), CredentialsFrom: ofEnvironment,
	}
}

// OfUser opens the object store at an endpoint that belongs to no job; "" is that
// of the Secret, else of the environment, else Amazon's. The credentials are the
// Secret's or the environment's. An endpoint that names a Service of the cluster
// is reached through the tunnel.
func (s StateStore) OfUser(ctx context.Context, namespace, endpoint string) (*storage.S3, error) {
	options := userOptions(endpoint)
	if s.Secret != "" {
		// What the environment says of another store doesn't count beside it.
		options.Endpoint = endpoint
		if err := s.useSecret(ctx, namespace, &options); err != nil {
			return nil, err
		}
		options.PathStyle = !storage.AmazonHost(options.Endpoint)
	}
	var err error
	if options.Transport, err = s.way(ctx, namespace, options.Endpoint); err != nil {
		return nil, err
	}
	return storage.NewS3(options)
}

// The names that Secrets give credentials, in small letters and without what
// stands between words.
var (
	accessNames   = []string{"awsaccesskeyid", "accesskeyid", "accesskey", "s3accesskey", "miniorootuser", "minioaccesskey", "rootuser"}
	secretNames   = []string{"awssecretaccesskey", "secretaccesskey", "secretkey", "s3secretkey", "miniorootpassword", "miniosecretkey", "rootpassword"}
	tokenNames    = []string{"awssessiontoken", "sessiontoken"}
	endpointNames = []string{"awsendpointurls3", "awsendpointurl", "s3endpoint", "endpoint"}
	regionNames   = []string{"awsregion", "awsdefaultregion", "region"}
)

var betweenWords = strings.NewReplacer("_", "", "-", "", ".", "")

// useSecret takes the credentials of the Secret, and the endpoint and region that
// it names where there is none yet.
func (s StateStore) useSecret(ctx context.Context, namespace string, options *storage.S3Options) error {
	found, err := s.Client.Core().CoreV1().Secrets(namespace).Get(ctx, s.Secret, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the credentials in Secret %s: %w", s.Secret, err)
	}
	value := func(names []string) string {
		for _, name := range names {
			for _, key := range slices.Sorted(maps.Keys(found.Data)) {
				if betweenWords.Replace(strings.ToLower(key)) == name {
					return strings.TrimSpace(string(found.Data[key]))
				}
			}
		}
		return ""
	}
	access, secretKey := value(accessNames), value(secretNames)
	if access == "" || secretKey == "" {
		return fmt.Errorf("the Secret %s in namespace %s has no credentials for S3: it needs the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or access-key and secret-key), and has %s",
			s.Secret, namespace, cmp.Or(strings.Join(slices.Sorted(maps.Keys(found.Data)), ", "), "none"))
	}
	options.Credentials, options.CredentialsFrom = storage.Key(access, secretKey, value(tokenNames)), "Secret "+s.Secret
	if options.Endpoint == "" {
		options.Endpoint = value(endpointNames)
	}
	options.Region = cmp.Or(value(regionNames), options.Region)
	return nil
}
