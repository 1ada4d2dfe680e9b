package api

func Because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
