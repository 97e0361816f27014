package wallet

import "io/fs"

// privateMode is true: on Windows the profile's access list decides, not the mode.
func privateMode(fs.FileInfo) bool { return true }
