package ui

import (
	_ "embed"
	"runtime/debug"
	"strings"
)

//go:embed fonts/OFL.txt
var fontLicence string

// licenceText says whose work the program is made of: the modules that are built in, and the letters.
func licenceText() string {
	var s strings.Builder
	s.WriteString("Zegel: European Union Public Licence 1.2 (EUPL-1.2).\n\n")
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			s.WriteString(m.Path + " " + m.Version + "\n")
		}
		s.WriteString("\n")
	}
	s.WriteString(fontLicence)
	return s.String()
}
