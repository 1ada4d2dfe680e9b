package storage

import (
	"errors"
	"os"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// webIdentity gets credentials for the token that AWS_WEB_IDENTITY_TOKEN_FILE
// names, as pods with IRSA have one; without the variable it has none.
type webIdentity struct{ credentials.IAM }

// Retrieve gets credentials where the environment names a token.
func (w *webIdentity) Retrieve() (credentials.Value, error) { return w.RetrieveWithCredContext(nil) }

// RetrieveWithCredContext is Retrieve with minio's HTTP client.
func (w *webIdentity) RetrieveWithCredContext(c *credentials.CredContext) (credentials.Value, error) {
	if os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") == "" {
		return credentials.Value{}, errors.New("AWS_WEB_IDENTITY_TOKEN_FILE is not set")
	}
	return w.IAM.RetrieveWithCredContext(c)
}
