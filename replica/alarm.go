package replica

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// alarmName is the file that keeps an alarm across restarts.
const alarmName = "ALARM"

// An Alarm says that a replica found its own state damaged or wrong (R51). It stays
// until an operator clears it, also when the state is repaired.
type Alarm struct {
	Since    time.Time          `json:"since"`
	Reason   string             `json:"reason"` // of the last one
	Times    int                `json:"times"`
	Repaired consensus.Sequence `json:"repaired"` // checkpoint of the repaired state; 0 as long as it is under way
	Open     bool               `json:"open"`     // the repair is not done
	GiveUp   bool               `json:"give_up"`  // the next start sets the state aside
}

// String says it in one line.
func (a *Alarm) String() string {
	if a.Open {
		return fmt.Sprintf("the own state is suspect since %s: %s; this replica counts as faulty until it is repaired", a.Since.UTC().Format(time.RFC3339), a.Reason)
	}
	return fmt.Sprintf("the own state was damaged at %s: %s; repaired at checkpoint %d; check the disk", a.Since.UTC().Format(time.RFC3339), a.Reason, a.Repaired)
}

// readAlarm returns the alarm of a data folder in words, and as it is; empty and nil
// if there is none. One that cannot be read is an alarm too.
func readAlarm(dir string) (string, *Alarm) {
	text, err := os.ReadFile(filepath.Join(dir, alarmName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var a Alarm
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		a = Alarm{Open: true, Reason: fmt.Sprintf("the file %s cannot be read (%v)", alarmName, err)}
	}
	return a.String(), &a
}

// raise makes an alarm durable, before anything is done about its reason.
func (f *folder) raise(reason string, now time.Time) error {
	a := Alarm{Since: now, Reason: reason, Times: 1, Open: true}
	if _, old := readAlarm(f.path); old != nil {
		a.Times += old.Times
	}
	return f.writeAlarm(&a)
}

// giveUp lets the next start set the state aside.
func (f *folder) giveUp() error {
	_, a := readAlarm(f.path)
	if a == nil {
		return errors.New("the alarm is gone")
	}
	a.GiveUp = true
	return f.writeAlarm(a)
}

// givenUp notes that it was set aside.
func (f *folder) givenUp() error {
	_, a := readAlarm(f.path)
	if a == nil || !a.GiveUp {
		return nil
	}
	a.GiveUp = false
	return f.writeAlarm(a)
}

// repaired notes that the state is in order again.
func (f *folder) repaired(at consensus.Sequence) error {
	_, a := readAlarm(f.path)
	if a == nil {
		return nil // cleared meanwhile
	}
	a.Open, a.Repaired = false, at
	return f.writeAlarm(a)
}

func (f *folder) writeAlarm(a *Alarm) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return durably(f.path, func() error {
		next := f.in(alarmName + ".new")
		if err := writeSynced(next, string(text)+"\n"); err != nil {
			return err
		}
		return os.Rename(next, f.in(alarmName))
	})
}

// ReadAlarm returns the alarm of a data folder, or nil.
func ReadAlarm(dataDir string) *Alarm {
	_, a := readAlarm(dataDir)
	return a
}

// ClearAlarm takes an alarm away whose state is repaired. It works beside a running
// replica, and refuses as long as the repair is not done.
func ClearAlarm(dataDir string) error {
	_, a := readAlarm(dataDir)
	switch {
	case a == nil:
		return nil
	case a.Open:
		return failure(ExitDisk, "the repair is not done: %s; run the replica until `replica status` says so, or, if it is alone in its group, restore the folder from a backup", a.Reason)
	}
	return durably(dataDir, func() error { return os.Remove(filepath.Join(dataDir, alarmName)) })
}
