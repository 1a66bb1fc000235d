package sim

// A Recording is one run as data for people: package sim/page draws it.
type Recording struct {
	Plan    Plan
	Events  []Event // in order of time
	Report  Report
	Omitted int // events beyond the first ones that were asked for
}

// Record runs a plan and keeps what happened, up to a number of events. Recording
// changes nothing of the run.
func Record(p Plan, eventCountMax int) *Recording {
	rec := &Recording{Plan: p}
	rec.Report = Run(p, func(e Event) {
		if len(rec.Events) == eventCountMax {
			rec.Omitted++
			return
		}
		rec.Events = append(rec.Events, e)
	})
	return rec
}
