package registry

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// grouped writes a number as the page does: 129,600.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// The page that councils read says the numbers that the code keeps.
func TestGovernancePage(t *testing.T) {
	raw, err := os.ReadFile("../docs/governance.md")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.Join(strings.Fields(string(raw)), " ")
	row := func(name string, of func(n int) int) string {
		s := "| " + name + " |"
		for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 9, 12, 15, maxMembers} {
			s += fmt.Sprintf(" %d |", of(n))
		}
		return s
	}
	p := defaultParameters()
	for _, want := range []string{
		row("Members", func(n int) int { return n }), row("Votes needed", ledger.TwoThirds), row("A third, to object", ledger.ThirdOf),
		fmt.Sprintf("at most %d members", maxMembers), fmt.Sprintf("at most %d days ahead by default", p.ProposalDays),
		fmt.Sprintf("at most %d open proposals, and at most %d in the state", maxOpen, maxKept),
		fmt.Sprintf("for %d days and leaves", keepDecided/daySeconds), fmt.Sprintf("For **%d days** nothing changes", recoveryDelay/daySeconds),
		fmt.Sprintf("acts in block *n* + %d", turnDelay), fmt.Sprintf("at once, for %d hours", stopTime/3600),
		fmt.Sprintf("| %d MiB | %d KiB to %d MiB |", p.BlockBytes>>20, minBlockBytes>>10, maxBlockBytes>>20),
		fmt.Sprintf("| %d days | 1 day to a day less than the retention |", p.EvidenceSeconds/daySeconds),
		fmt.Sprintf("| %s | one for each %d seconds", grouped(p.EvidenceBlocks), slowestBlock),
		fmt.Sprintf("| %d days | 2 to %s days |", p.RetentionDays, grouped(maxRetention)),
		fmt.Sprintf("| %d | 0 to %s |", p.Guests, grouped(maxGuests)), fmt.Sprintf("| %s | 1 to %s |", grouped(p.Lists), grouped(maxLists)),
		fmt.Sprintf("| %d days | 1 to %d days |", p.ProposalDays, maxVoting),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("docs/governance.md does not say %q", want)
		}
	}
}
