package instance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/artifact"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/image"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/manifest"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
)

// parts is everything a cluster is made of.
type parts struct {
	assets   string
	pause    image.Image
	coredns  image.Image
	operator image.Image
	flink    []image.Image
	minio    *image.Image
	crds     []byte
}

// Fetch makes everything that the wanted cluster needs, without the cluster.
func Fetch(ctx context.Context, f *artifact.Factory, o Options) error {
	_, err := collect(ctx, f, o)
	return err
}

func collect(ctx context.Context, f *artifact.Factory, o Options) (parts, error) {
	var p parts
	if err := f.Cache.Sweep(); err != nil {
		return p, err
	}
	distributions := make([]artifact.Distribution, len(o.Flink))
	p.flink = make([]image.Image, len(o.Flink))
	for i, minor := range o.Flink {
		var err error
		if distributions[i], err = artifact.FindDistribution(minor); err != nil {
			return p, err
		}
	}
	fns := []func(context.Context) error{
		func(ctx context.Context) error { return f.Tools(ctx, artifact.NodeTools...) },
		// The builds one after the other: each takes every core.
		func(ctx context.Context) (err error) {
			if p.pause, err = f.Pause(ctx); err != nil {
				return err
			}
			if p.assets, err = f.Assets(ctx); err != nil {
				return err
			}
			if p.coredns, err = f.CoreDNS(ctx); err != nil {
				return err
			}
			if o.MinIO {
				img, err := f.MinIO(ctx)
				p.minio = &img
				return err
			}
			return nil
		},
		func(ctx context.Context) (err error) { p.operator, err = f.OperatorImage(ctx, o.Operator); return },
		func(ctx context.Context) (err error) { p.crds, err = f.CRDs(ctx, o.Operator); return },
	}
	for i, d := range distributions {
		fns = append(fns, func(ctx context.Context) (err error) { p.flink[i], err = f.FlinkImage(ctx, d); return })
	}
	return p, artifact.Parallel(ctx, fns...)
}

func (p parts) images() []image.Image {
	images := append([]image.Image{p.pause, p.coredns, p.operator}, p.flink...)
	if p.minio != nil {
		images = append(images, *p.minio)
	}
	return images
}

// manifests are what a cluster runs from the start.
func (p parts) manifests(o Options) ([]byte, error) {
	dns, err := manifest.CoreDNS(p.coredns.Ref, node.DNSIP)
	if err != nil {
		return nil, err
	}
	rbac, err := manifest.FlinkRBAC("default")
	if err != nil {
		return nil, err
	}
	operator, err := manifest.Operator(p.operator.Ref, o.Operator)
	if err != nil {
		return nil, err
	}
	// The definitions before the operator, which looks once what there is.
	return manifest.Join(dns, p.crds, rbac, operator), nil
}

// key stands for everything the cluster is made of but its Flink images and
// extras, which a running one can be given.
func (p parts) key(manifests []byte) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, layoutVersion, p.assets)
	for _, img := range []image.Image{p.pause, p.coredns, p.operator} {
		id, err := img.ID()
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, img.Ref, id)
	}
	h.Write(manifests)
	return hex.EncodeToString(h.Sum(nil)), nil
}
