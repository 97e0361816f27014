// Package installed finds what was installed beside the program.
package installed

import (
	"os"
	"path/filepath"
)

// Network returns the network file that came with the program: in share/zegel beside its bin, else in /etc/zegel. It is
// nil if there is none; then a person has to choose one for a new wallet.
func Network() []byte {
	dirs := []string{"/etc/zegel"}
	if program, err := os.Executable(); err == nil {
		dirs = append([]string{beside(program)}, dirs...)
	}
	return first(dirs)
}

func beside(program string) string {
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	return filepath.Join(filepath.Dir(program), "..", "share", "zegel")
}

func first(dirs []string) []byte {
	for _, dir := range dirs {
		if data, err := os.ReadFile(filepath.Join(dir, "network.json")); err == nil {
			return data
		}
	}
	return nil
}
