package diagnosis

import (
	"fmt"
	"strings"
)

// What container runtimes and registries say of images that can't be had.
var (
	pullDenied   = pattern(`(?i)unauthorized|authentication required|access denied|requested access|status(?: code)?:? 40[13]\b|forbidden|insufficient_scope`)
	pullMissing  = pattern(`(?i)not found|manifest unknown|name unknown|does not exist|status(?: code)?:? 404\b`)
	pullLimited  = pattern(`(?i)toomanyrequests|rate limit|\b429\b`)
	pullPlatform = pattern(`(?i)no match(ing manifest)? for (linux|platform)|no match for platform`)
	pullTrust    = pattern(`(?i)x509:|certificate signed by unknown`)
	pullPlain    = pattern(`server gave HTTP response to HTTPS`)
	pullNetwork  = pattern(`(?i)no such host|i/o timeout|connection refused|network is unreachable|no route to host|TLS handshake timeout|deadline exceeded|connection reset`)
	pullBroken   = pattern(`(?i)\b50[0-4]\b|bad gateway|service unavailable|\bEOF\b|context canceled|registry is unavailable|unexpected media type|internal server error`)
	pullFull     = pattern(`(?i)no space left on device|disk quota exceeded`)
	pullOld      = pattern(`(?i)no longer supported since containerd|schema ?1\b|manifest\.v1`)
	pullShort    = pattern(`short-name .* did not resolve`)
	pullOften    = pattern(`pull QPS exceeded`)
	pullLayer    = pattern(`content at \S+ not found|blob unknown|unknown blob`)
	pullToken    = pattern(`failed to fetch (?:anonymous|oauth) token`)
	pullUnsigned = pattern(`(?i)signature validation failed|signatures? .*(?:invalid|required|not verified)|Source image rejected`)
)

// pullMessage is what the kubelet says of an image that it couldn't pull: the
// last attempt's failure, not that it waits for the next.
func (j *job) pullMessage(p *pod, c *container) string {
	if e, ok := j.podEvent(p, pullFails, "Failed"); ok && strings.HasPrefix(c.message, "Back-off") {
		return e.message
	}
	return c.message
}

// pullCure is what to do about an image that can't be had. specImage is
// spec.image, from which Flink's own container has its image.
func pullCure(message string, c *container, specImage string) Cure {
	image := fmt.Sprintf("%q in the pod template", c.image)
	if c.main {
		image = fmt.Sprintf("spec.image %q", specImage)
	}
	switch {
	case c.reason == "InvalidImageName":
		return Cure{Text: "correct " + image + ": that is no name of an image"}
	case c.reason == "ErrImageNeverPull":
		return Cure{Text: "imagePullPolicy is Never and the node hasn't the image: load it there, or let it be pulled; check " + image}
	case pullFull.MatchString(message):
		return Cure{Text: "the node's disk is full: free it there, or let the pod run on another node", Command: "kubectl describe nodes", Safe: true}
	case c.reason == "SignatureValidationFailed", pullUnsigned.MatchString(message):
		return Cure{Text: "the node's policy takes only signed images: sign it, or correct the policy (policy.json) of the node's container runtime; " + image}
	case pullOld.MatchString(message):
		return Cure{Text: "the image is of a format that the node's container runtime doesn't read any more: build or push it again; " + image}
	case pullShort.MatchString(message):
		return Cure{Text: "the node knows no registry for a short name: write it with its registry (docker.io/library/flink:VERSION); " + image}
	case pullPlain.MatchString(message):
		return Cure{Text: "the registry speaks HTTP without TLS, which the node's container runtime has to be told (an insecure registry or mirror); " + image}
	case pullOften.MatchString(message):
		return Cure{Text: "nothing, it is pulled later: the node's kubelet limits how often it pulls images (registryPullQPS)"}
	case pullLayer.MatchString(message):
		return Cure{Text: "the registry has the image's name and lacks a part of it: push it again; " + image}
	case pullLimited.MatchString(message):
		return Cure{Text: "the registry limits how often images are pulled: log in (imagePullSecrets), or use a mirror; " + image}
	case pullPlatform.MatchString(message):
		return Cure{Text: image + " isn't built for the node's processor: use one that is, or a nodeSelector", Command: "kubectl get nodes -L kubernetes.io/arch", Safe: true}
	case pullTrust.MatchString(message):
		return Cure{Text: "the node doesn't trust the registry's certificate: give the node's container runtime its CA; " + image}
	case pullNetwork.MatchString(message):
		return Cure{Text: "the node doesn't reach the registry: check the host in " + image + ", and the node's DNS, proxy and firewall"}
	case pullDenied.MatchString(message), pullToken.MatchString(message):
		return Cure{Text: "check " + image + " and imagePullSecrets: the registry wants a login, and some say so of a name that isn't there, too"}
	case pullMissing.MatchString(message):
		return Cure{Text: "check " + image + ": the registry has no such name or tag"}
	case c.reason == "RegistryUnavailable", pullBroken.MatchString(message):
		return Cure{Text: "the registry, or a proxy before it, doesn't serve the image now; the node tries again: see whether it does for others; " + image}
	}
	return Cure{Text: "check " + image + " and imagePullSecrets"}
}
