package diagnosis

import (
	"strings"
	"time"
)

var (
	// notMade are containers that were never run because of what they mount, of
	// their limits, or of their security context.
	notMade  = pattern(`error mounting |not a directory: unknown|container init was OOM-killed|failed to create .*cgroup|unable to apply cgroup|runc create failed: .*(?:mkdir \S+: |seccomp|apparmor|chdir to cwd|unable to find (?:user|group)|[Ss]etting rlimit|setting capabilities|selinux)|unable to find (?:user|group) \S+: no matching entries`)
	profile  = pattern(`(?i)seccomp|apparmor|selinux`)
	noUser   = pattern(`unable to find (?:user|group) ([^\s:]+)`)
	workDir  = pattern(`chdir to cwd \(\\?"([^"\\]+)`)
	asRoot   = pattern(`runAsNonRoot`)
	tooTight = pattern(`OOM-killed|memory limit too low`)
	nodeBusy = pattern(`context deadline exceeded|is reserved for|failed to sync (?:secret|configmap) cache|timed out waiting for the condition|DeadlineExceeded`)

	// noNetwork is what programs say that reach nothing.
	noNetwork = pattern(`(?i)connection refused|could not resolve|couldn't resolve|timed out|network is unreachable|failed to connect`)

	mountAttached = pattern(`Multi-Attach`)
	mountDriver   = pattern(`not found in the list of registered CSI drivers|no volume plugin matched`)
	mountSecrets  = pattern(`(?i)secretproviderclass|secrets store`)
	mountServer   = pattern(`access denied by server|mount failed: exit status|Connection (?:timed out|refused)|No route to host`)
	mountMany     = pattern(`Max number of volumes|ResourceExhausted|exceed max volume count`)
	mountSlow     = pattern(`AttachVolume\.Attach failed|timed out waiting|deadline exceeded|DeadlineExceeded`)
	mountAccount  = pattern(`serviceaccounts? "([^"]+)" not found`)
	mountLate     = pattern(`not registered`)
	sandboxFull   = pattern(`failed to assign an IP address|no IP addresses available|no available IP|failed to allocate for range|IP address .*exhausted`)
	sandboxClass  = pattern(`no runtime for "([^"]+)"|RuntimeHandler "([^"]+)" not supported|failed to get sandbox runtime`)
)

// jvmSaid is what Java's launcher said at a container's end. An agent's exception
// is taken for told with it: it isn't the job's.
func (j *job) jvmSaid(c *container) string {
	if c.exception == nil {
		return lastWords(c.log, false)
	}
	for _, line := range c.log {
		if jvmAgent.MatchString(line) {
			for i, e := range j.seen {
				if e.Source == c.exception.Source && e.At.Equal(c.exception.At) {
					j.touched = append(j.touched, i)
				}
			}
			return c.exception.Telling() + "; " + strings.TrimSpace(line)
		}
	}
	return lastWords(c.log, false)
}

// mountCure is what to do about a volume that can't be mounted.
func mountCure(message string) string {
	switch {
	case mountAttached.MatchString(message):
		return "the volume is attached to another node: use an access mode that several nodes may have (ReadWriteMany), or wait until the old pod is gone"
	case mountDriver.MatchString(message):
		return "install the volume's CSI driver on the node, or correct the driver's name in the volume or its storage class"
	case mountSecrets.MatchString(message):
		return "see that the SecretProviderClass and its provider are there, and that the pod's service account may read the secret that it names"
	case mountAccount.MatchString(message):
		return "make the service account " + mountAccount.FindStringSubmatch(message)[1] + ": the pod's token is made for it"
	case mountMany.MatchString(message):
		return "the node has as many volumes attached as it may: let the pod run on another, or add nodes"
	case mountServer.MatchString(message):
		return "see that the filesystem's server answers, lets this node mount it, and that the node has the program to mount it with"
	case mountSlow.MatchString(message):
		return "see what the volume's driver and its claim wait for: only their own events and logs say it"
	case mountLate.MatchString(message):
		return "the node hasn't read that object yet, which mostly passes; else restart its kubelet"
	}
	return "correct the volume in the pod template"
}

// madeCure is what to do about a container that can't be made.
func madeCure(c *container) string {
	message := c.message
	if c.end != nil && c.failing() {
		message += c.end.Message
	}
	switch {
	case asRoot.MatchString(message):
		return "name the user by its number in the pod template's securityContext (runAsUser; Flink's images: 9999)"
	case tooTight.MatchString(message):
		return "raise the container's memory limit: it ends before its program begins"
	case nodeBusy.MatchString(message):
		return "the node's container runtime or kubelet is slow, and nothing may be wrong with the container: see whether it passes, and what the node says"
	case profile.MatchString(message):
		return "put the security profile that it names onto the node, or correct seccompProfile, appArmorProfile or seLinuxOptions in the pod template's securityContext"
	case noUser.MatchString(message):
		return "the image has no user " + noUser.FindStringSubmatch(message)[1] + ": name one by its number in the pod template (securityContext.runAsUser; Flink's images: 9999)"
	case workDir.MatchString(message):
		return "let the container's user enter its working directory " + workDir.FindStringSubmatch(message)[1] + ", or set another one (workingDir in the pod template)"
	case notMade.MatchString(message):
		return "correct the volumeMounts of the container in the pod template (mountPath, subPath: a file onto a file, a directory onto a directory)"
	}
	return "correct the container in the pod template"
}

// noSandbox finds a pod whose network, or what else its containers share, can't
// be made.
func (j *job) noSandbox() []Finding {
	for i := range j.pods {
		p := &j.pods[i]
		if !p.waits() || p.age < 30*time.Second {
			continue
		}
		e, ok := j.podEvent(p, nil, "FailedCreatePodSandBox")
		if !ok || j.age(e.at) > 5*time.Minute {
			continue
		}
		cure := Cure{Text: "nothing of the job is at fault: see the node's network plugin and container runtime", Command: j.kubectl("describe pod %s", p.name), Safe: true}
		switch {
		case sandboxFull.MatchString(e.message):
			cure.Text = "the node's network has no address left: nothing of the job is at fault; add nodes or a larger subnet, or let nodes have more addresses"
		case sandboxClass.MatchString(e.message):
			cure.Text = "the node doesn't have the pod's runtime class: correct runtimeClassName in the pod template, or let it run where it is installed"
		}
		return []Finding{{Subject: "pod/" + p.name, Means: "the sandbox of " + p.name + " can't be made: " + oneLine(e.message), Evidence: []Evidence{e.evidence()}, Cures: []Cure{cure}}}
	}
	return nil
}

var (
	// noSwitch is what gosu and su-exec say.
	noSwitch = pattern(`failed switching to "?[\w:.-]+"?: operation not permitted|su-exec: setgroups|setpriv: set(?:resuid|groups) failed`)
	fatal    = pattern(`A fatal error has been detected by the Java Runtime Environment`)
	ofSignal = pattern(`^#\s+((?:SIG[A-Z]+|Internal Error|EXCEPTION_\w+) \(.*?\))`)
	ofFrame  = pattern(`^#\s+([CVjJ]\s+\[?[^\s\]]+)`)
)

// jvmCrash finds the JVM's report of its own end in a log: the signal, and the
// code in which it came.
func jvmCrash(log []string) (signal, frame string, ok bool) {
	for _, line := range log {
		line = strings.TrimSpace(line)
		if fatal.MatchString(line) {
			ok, signal, frame = true, "", ""
		}
		if found := ofSignal.FindStringSubmatch(line); ok && found != nil && signal == "" {
			signal = oneLine(found[1])
		}
		if found := ofFrame.FindStringSubmatch(line); ok && found != nil && frame == "" {
			frame = "in " + oneLine(strings.ReplaceAll(strings.Join(strings.Fields(found[1])[1:], " "), "[", ""))
		}
	}
	return signal, frame, ok
}
