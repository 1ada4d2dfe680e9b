package diagnosis

import "fmt"

// What API servers, and the admission webhooks that they ask, say of pods.
var (
	hookDenies  = pattern(`admission webhook "([\w.-]+)" denied the request`)
	hookAway    = pattern(`failed (?:calling|to call) (?:admission )?webhook(?: "([\w.-]+)")?`)
	openShift   = pattern(`security context constraint`)
	podSecurity = pattern(`violates PodSecurity`)
	noPriority  = pattern(`no PriorityClass with name (\S+) was found`)
	noRuntime   = pattern(`RuntimeClass "([^"]+)" not found`)
	terminating = pattern(`because it is being terminated`)
	limitRange  = pattern(`(?:maximum|minimum) [\w.-]+ usage per (?:Container|Pod|PersistentVolumeClaim)|ratio per (?:Container|Pod)`)
	hookTrust   = pattern(`x509:|tls: `)
	// notNow isn't about the pods: they are asked for again.
	notNow = pattern(writeLate.text + `|already exists|^Unauthorized|status unknown for quota|quota evaluation timed out|Operation: \[create\]|i/o timeout`)
)

// refusedCure is what to do about pods that the API server refuses; spec is what
// of the manifest they are made of.
func (j *job) refusedCure(message, spec string) Cure {
	switch {
	case hookAway.MatchString(message):
		hook := "the admission webhook"
		if found := hookAway.FindStringSubmatch(message); found[1] != "" {
			hook += " " + found[1]
		}
		if hookTrust.MatchString(message) {
			return Cure{Text: hook + " can't be asked, and nothing is wrong with the job: the API server doesn't trust its certificate (caBundle), which has expired or was renewed without it", Command: "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations", Safe: true}
		}
		return Cure{Text: hook + " can't be asked, and nothing is wrong with the job: see that its Service has pods that are ready, and that the API server reaches them", Command: "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations", Safe: true}
	case notNow.MatchString(message):
		return Cure{Text: "nothing, if it passes: that isn't about the pods, and they are asked for again; else see whether the API server is well", Command: "kubectl get --raw '/readyz?verbose'", Safe: true}
	case terminating.MatchString(message):
		return Cure{Text: "namespace " + j.ns + " is being deleted: nothing can be made in it any more", Command: fmt.Sprintf("kubectl get namespace %s -o yaml", word(j.ns)), Safe: true}
	case openShift.MatchString(message):
		return Cure{Text: "OpenShift lets the service account use no constraint that the pods fit: leave runAsUser and fsGroup to it in the pod template, or let an administrator give the account one that allows them (oc adm policy add-scc-to-user)"}
	case podSecurity.MatchString(message):
		return Cure{Text: "set the securityContext that it names in " + spec + ", or let the namespace have a less strict Pod Security level", Command: fmt.Sprintf("kubectl get namespace %s --show-labels", word(j.ns)), Safe: true}
	case noPriority.MatchString(message):
		found := noPriority.FindStringSubmatch(message)
		return Cure{Text: "make the PriorityClass " + found[1] + ", or correct priorityClassName in the pod template", Command: "kubectl get priorityclasses", Safe: true}
	case noRuntime.MatchString(message):
		found := noRuntime.FindStringSubmatch(message)
		return Cure{Text: "make the RuntimeClass " + found[1] + ", or correct runtimeClassName in the pod template", Command: "kubectl get runtimeclasses", Safe: true}
	case limitRange.MatchString(message):
		return Cure{Text: "ask for what the namespace's LimitRange allows, in " + spec, Command: j.kubectl("describe limitranges"), Safe: true}
	case hookDenies.MatchString(message):
		return Cure{Text: "the policy of webhook " + hookDenies.FindStringSubmatch(message)[1] + " refuses them: correct " + spec + " as it says"}
	}
	return Cure{Text: "correct " + spec + " as it says"}
}
