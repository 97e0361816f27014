//go:build unix

package wallet

import "testing"

// TestRequired has a subtest for each row of the required behaviour that the wallet covers by itself.
func TestRequired(t *testing.T) {
	t.Run("WAL-01", testDamage)
	t.Run("WAL-02", testPlaintext)
	t.Run("WAL-03", testWrongPINs)
	t.Run("WAL-04", testCrashOfPINChange)
	t.Run("WAL-05", testBadBackup)
	t.Run("WAL-06", testBackupContent)
	t.Run("WAL-07", testRestoreOver)
	t.Run("WAL-08", testPowerCuts)
	t.Run("WAL-09", testDiskFull)
	t.Run("WAL-10", testOneProcess)
	t.Run("WAL-11", testPrivateFiles)
	t.Run("WAL-12", testHistory)
	t.Run("WAL-13", testDelete)
	t.Run("VCI-10", testBrowserFlow)
	t.Run("VCI-12", testBadCredentials)
	t.Run("DCQL-01", testFewerClaims)
	t.Run("DCQL-03", testNoMatch)
	t.Run("DCQL-11", testAsksTooMuch)
	t.Run("REQ-11", testOnce)
	t.Run("REQ-13", testNames)
	testRequests(t)
	testQueries(t)
	t.Run("CLK-01", testClock)
	t.Run("WEB-07", testFaces)
}
