//go:build !windows

package wallet

import "io/fs"

func privateMode(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }
