// Command server is a stand-in for CMF on a port: for trying kubectl cmf out,
// and for `make demo-cmf`, where it runs in a cluster and its applications
// become real Flink clusters.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var (
		listen   = flag.String("listen", "127.0.0.1:8080", "address to listen on")
		version  = flag.String("cmf-version", "2.4.0", "version of CMF to behave like: 2.0 to 2.4")
		step     = flag.Duration("step", time.Second, "how long each phase of an application or statement lasts")
		token    = flag.String("token-file", "", "file with the bearer token that requests must carry")
		cert     = flag.String("tls-cert", "", "serve TLS with this certificate (PEM)")
		key      = flag.String("tls-key", "", "key of the certificate (PEM)")
		clientCA = flag.String("client-ca", "", "ask for client certificates of this authority (PEM)")
		clusters = flag.String("clusters", "", "names of registered Kubernetes clusters, separated by commas")
		flink    = flag.Bool("flink", false, "make a FlinkDeployment of each application, in the cluster that this runs in")
	)
	flag.Parse()
	options := cmftest.Options{Version: *version, Step: *step, Certificates: *clientCA != ""}
	if *clusters != "" {
		options.Clusters = strings.Split(*clusters, ",")
	}
	if *token != "" {
		data, err := os.ReadFile(*token)
		if err != nil {
			return err
		}
		options.Token = string(data)
	}
	if *flink {
		backend, err := newFlink()
		if err != nil {
			return err
		}
		options.Backend = backend
	}
	handler, err := cmftest.New(options)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	if *clientCA != "" {
		pem, err := os.ReadFile(*clientCA)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s holds no certificate", *clientCA)
		}
		server.TLSConfig = &tls.Config{ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	}
	context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	})
	fmt.Fprintf(os.Stderr, "a stand-in for CMF %s listens on %s\n", *version, *listen)
	if *cert != "" {
		err = server.ListenAndServeTLS(*cert, *key)
	} else {
		err = server.ListenAndServe()
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
