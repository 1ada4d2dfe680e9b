package secret

import "strings"

// form is how a token looks: what it begins with, and how many characters it
// has at least behind that.
type form struct {
	prefix string
	least  int
	// mixed says that these are letters and digits alone, both: the prefix is also
	// that of names.
	mixed bool
}

// forms are those of tokens that show by themselves.
var forms = []form{
	{"AKIA", 16, false},
	{"ASIA", 16, false},
	{"AIza", 35, false},
	{"ghp_", 20, false},
	{"gho_", 20, false},
	{"ghu_", 20, false},
	{"ghs_", 20, false},
	{"ghr_", 20, false},
	{"github_pat_", 20, false},
	{"glpat-", 20, false},
	{"gldt-", 20, false},
	{"glrt-", 20, false},
	{"glptt-", 20, false},
	{"glsoat-", 20, false},
	{"glft-", 20, false},
	{"glcbt-", 20, false},
	{"xoxa-", 10, false},
	{"xoxb-", 10, false},
	{"xoxe-", 10, false},
	{"xoxe.", 10, false},
	{"xoxp-", 10, false},
	{"xoxr-", 10, false},
	{"xoxs-", 10, false},
	{"xapp-", 10, false},
	{"sk_live_", 16, false},
	{"sk_test_", 16, false},
	{"rk_live_", 16, false},
	{"rk_test_", 16, false},
	{"whsec_", 20, false},
	{"sk-ant-", 20, false},
	{"sk-proj-", 20, false},
	{"sk-svcacct-", 20, false},
	{"hvs.", 20, false},
	{"hvb.", 20, false},
	{"hvr.", 20, false},
	{"npm_", 30, false},
	{"hf_", 30, false},
	{"SG.", 30, false},
	{"pypi-AgE", 20, false},
	{"dop_v1_", 30, false},
	{"doo_v1_", 30, false},
	{"shpat_", 28, false},
	{"shpca_", 28, false},
	{"shppa_", 28, false},
	{"shpss_", 28, false},
	{"ya29.", 20, false},
	{"1//0", 30, false},
	{"GOCSPX-", 20, false},
	{"NRAK-", 20, false},
	{"lin_api_", 20, false},
	{"PMAK-", 20, false},
	{"AGE-SECRET-KEY-1", 20, false},
	{"ATATT3", 20, false},
	{"ATCTT3", 20, false},
	{"dckr_pat_", 16, false},
	{"dckr_oat_", 16, false},
	{"glsa_", 20, false},
	{"glc_eyJ", 20, false},
	{"sbp_", 30, false},
	{"gsk_", 30, false},
	{"figd_", 20, false},
	{"sq0atp-", 20, false},
	{"sq0csp-", 20, false},
	{"nvapi-", 30, false},
	{"pat-na1-", 20, false},
	{"dapi", 32, true},
	{"sk-", 40, true},
	{"cflt", 50, true},
	{"LTAI", 16, true},
	{"AKID", 30, true},
	{"ABSK", 60, true},
}

// byFirst are the forms by what they begin with.
var byFirst = func() (out [256][]form) {
	for _, form := range forms {
		out[form.prefix[0]] = append(out[form.prefix[0]], form)
	}
	return out
}()

// begins reports whether a token, a scheme of authentication or a clause of SQL
// may begin with c.
func begins(c byte) bool { return byFirst[c] != nil || strings.IndexByte("ehbBpPiI", c) >= 0 }

// hooks are addresses of webhooks, which have their secret in the path: who
// knows it may post.
var hooks = []string{
	"hooks.slack.com/services/", "hooks.slack.com/workflows/", "hooks.slack.com/triggers/", "hooks.slack-gov.com/services/",
	"discord.com/api/webhooks/", "discordapp.com/api/webhooks/", ".webhook.office.com/webhookb2/", "outlook.office.com/webhook/", "outlook.office365.com/webhook/",
	"api.telegram.org/bot", "events.pagerduty.com/integration/", "hooks.zapier.com/hooks/catch/", "maker.ifttt.com/trigger/",
	"open.feishu.cn/open-apis/bot/v2/hook/", "open.larksuite.com/open-apis/bot/v2/hook/", "api.opsgenie.com/v1/json/",
}

// hook is where the secret begins in address, which has no scheme; 0 where it is
// that of no webhook.
func hook(address string) int {
	host, _, found := strings.Cut(address, "/")
	if !found {
		return 0
	}
	for _, hook := range hooks {
		at := 0
		if hook[0] == '.' {
			at = strings.LastIndex(host, ".webhook.")
		}
		if at >= 0 && strings.HasPrefix(address[at:], hook) {
			return at + len(hook)
		}
	}
	return 0
}

// token hides a token that begins at i.
func (f *finder) token(i int) int {
	if f.has(i, "eyJ") {
		return f.jwt(i)
	}
	if f.has(i, "hooks.") {
		if at := hook(f.text[i:min(len(f.text), i+farthest)]); at > 0 {
			return f.hide(i+at, f.tokenEnd(i+at, "/"))
		}
	}
	for _, form := range byFirst[f.text[i]] {
		if !f.has(i, form.prefix) {
			continue
		}
		body := i + len(form.prefix)
		end := f.tokenEnd(body, ".")
		if end-body >= form.least && (!form.mixed || strings.ContainsAny(f.text[body:end], "0123456789") && !strings.ContainsAny(f.text[body:end], ".-_")) {
			return f.hide(i, end)
		}
	}
	return i + 1
}

func (f *finder) tokenEnd(i int, more string) int {
	for i < len(f.text) && (isAlnum(f.text[i]) || f.text[i] == '_' || f.text[i] == '-' || strings.IndexByte(more, f.text[i]) >= 0) {
		i++
	}
	return i
}

// jwt hides a JSON web token, whole or cut off.
func (f *finder) jwt(i int) int {
	end := f.tokenEnd(i, ".")
	for end > i && f.text[end-1] == '.' {
		end--
	}
	header, rest, dotted := strings.Cut(f.text[i:end], ".")
	if dotted && len(header) >= 6 && strings.HasPrefix(rest, "eyJ") || len(header) >= 20 {
		return f.hide(i, end)
	}
	return end
}
