package interrupt

import "testing"

func TestTheLastOwnerIsTold(t *testing.T) {
	if Deliver() {
		t.Error("delivered to nobody")
	}
	first, releaseFirst := Take()
	second, releaseSecond := Take()
	once, again := Deliver(), Deliver()
	if !once || !again || len(second) != 1 || len(first) != 0 {
		t.Error("the second owner was not told, or another was")
	}
	releaseSecond()
	releaseSecond()
	if !Deliver() || len(first) != 1 {
		t.Error("the first owner was not told")
	}
	releaseFirst()
	if Deliver() {
		t.Error("delivered to nobody")
	}
}
