package wallet

import "testing"

// TestRequired has a subtest for each row of the required behaviour that the wallet covers by itself.
func TestRequired(t *testing.T) {
	t.Run("WAL-01", testDamage)
	t.Run("WAL-03", testWrongPINs)
	t.Run("WAL-04", testCrashOfPINChange)
	t.Run("WAL-08", testPowerCuts)
}
