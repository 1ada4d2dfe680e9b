package api

func (s Saved) Noun() string {
	if s.Savepoint {
		return "savepoint"
	}
	return "checkpoint"
}
