package transfer

import "github.com/varangian-bft/varangian/consensus"

const (
	// partitionBytesMin is what a source may send of a partition in any case.
	partitionBytesMin = 4 << 20
	// partitionSurplus is how many times as many bytes an entry may have as those of
	// the partitions that were verified so far.
	partitionSurplus = 4
)

// An overrun is what a source sent of a partition when it was turned away from because
// of more than was to be expected.
type overrun struct {
	source consensus.ReplicaID
	bytes  uint64
}

// partitionBytesMax bounds what one source can make this replica gather of a partition.
// Nothing certified says how many bytes it has, and what a list says its source may
// have made up: a liar would else fill the disk with the largest entries, for each of
// which it takes its time (R94, R101). The bound grows only when f+1 sources went
// beyond it: one of them is correct.
func (f *Fetcher) partitionBytesMax(j *job) uint64 {
	expected := uint64(0)
	if s := &f.stage; s.entries > 0 {
		expected = s.bytes / s.entries * uint64(j.count) * partitionSurplus
	}
	return max(expected, partitionBytesMin) << min(len(j.over)/(f.group.F+1), 16)
}

// overran lets another source give a partition of which this one sent too much. Whether
// that was a lie only the whole partition tells.
func (f *Fetcher) overran(j *job) {
	j.over = append(j.over, overrun{j.source, uint64(j.bytes)})
	j.restart()
}

// convict turns away from sources that sent more of a partition than it has.
func (f *Fetcher) convict(j *job, size uint64, out *Effects) {
	f.stage.bytes += size
	f.stage.entries += uint64(j.count)
	for _, o := range j.over {
		if o.bytes > size {
			f.liar(o.source, j.item.String()+": more than it has", out)
		}
	}
}

// overruns counts those of one source.
func (j *job) overruns(id int) (n int) {
	for _, o := range j.over {
		if int(o.source) == id {
			n++
		}
	}
	return n
}

// fewestOverruns is how many a source may have to be asked for the job: no more than
// others that can be asked, if they answer.
func (f *Fetcher) fewestOverruns(j *job) int {
	fewest := len(j.over)
	for _, probed := range []bool{false, true} {
		for i := range f.sources {
			if f.usable(i) && f.sources[i].probed == probed {
				fewest = min(fewest, j.overruns(i))
			}
		}
		if fewest < len(j.over) {
			return fewest
		}
	}
	return fewest
}
