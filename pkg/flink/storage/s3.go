package storage

import (
	"context"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

var Used = func(ctx context.Context, endpoint string) error {
	c, err := minio.New(endpoint, &minio.Options{Creds: credentials.NewIAM("")})
	if err != nil {
		return err
	}
	if _, err := c.StatObject(ctx, "a", "b", minio.StatObjectOptions{}); err != nil {
		return err
	}
	for range c.ListObjects(ctx, "a", minio.ListObjectsOptions{}) {
	}
	_, err = c.GetObject(ctx, "a", "b", minio.GetObjectOptions{})
	return err
}
