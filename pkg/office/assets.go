package office

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/zegel-id/zegel/pkg/web"
)

//go:embed page/*.html
var pageFS embed.FS

//go:embed assets
var assetFS embed.FS

// assetTypes are the files that a page may load.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".woff2": "font/woff2", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

// assetVersion changes when any asset does, so that browsers may keep them for ever.
var assetVersion = func() string {
	h := sha256.New()
	fs.WalkDir(assetFS, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := assetFS.ReadFile(name)
		h.Write([]byte(name))
		h.Write(data)
		return err
	})
	return hex.EncodeToString(h.Sum(nil))[:12]
}()

// assetPath is where a page finds an asset. Assets refer to each other by their bare names, which is why the version
// stands in the path.
func assetPath(base, name string) string {
	return strings.TrimSuffix(base, "/") + "/assets/" + assetVersion + "/" + name
}

// Assets serves the files of the pages under base + "/assets/".
func Assets(w http.ResponseWriter, r *http.Request) {
	web.Route(r, "assets")
	_, rest, _ := strings.Cut(r.URL.Path, "/assets/")
	version, name, _ := strings.Cut(rest, "/")
	kind := assetTypes[path.Ext(name)]
	data, err := assetFS.ReadFile("assets/" + name)
	if err != nil || kind == "" || version != assetVersion {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(data)
}
