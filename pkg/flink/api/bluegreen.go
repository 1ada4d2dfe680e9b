package api

import (
	"strings"
)

// OtherColor is the FlinkDeployment that a blue/green deployment doesn't serve
// from; "" while it moves from one to the other.
func (j Job) OtherColor() string {
	name := j.Object.GetName()
	switch active, _ := j.ActiveChild(); active {
	case name + "-blue":
		return name + "-green"
	case name + "-green":
		return name + "-blue"
	}
	return ""
}

// NextColor is the FlinkDeployment that a blue/green deployment moves to; ""
// while it doesn't move.
func (j Job) NextColor() string {
	color, moves := strings.CutPrefix(j.BlueGreenState(), "TRANSITIONING_TO_")
	if !moves {
		return ""
	}
	return j.Object.GetName() + "-" + strings.ToLower(color)
}
