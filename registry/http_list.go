package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/web"
)

// theList returns the list that the path names, in the newest state.
func (n *Node) theList(r *http.Request) (*snapshot, *ledger.ListMeta, ledger.Key, error) {
	id, err := hex.DecodeString(mux.Vars(r)["list"])
	if err != nil {
		return nil, nil, nil, errNone
	}
	s := n.app.state.snapshot()
	m, key, err := s.list(id)
	return s, m, key, err
}

func (n *Node) getList(w http.ResponseWriter, r *http.Request) {
	s, m, _, err := n.theList(r)
	if err != nil {
		n.fail(w, err)
		return
	}
	hint := listHint(m)
	if hint.Used, err = n.used(s, m); err != nil {
		n.fail(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, hint)
}

func listHint(m *ledger.ListMeta) ledger.ListHint {
	return ledger.ListHint{
		ID: ledger.ListID(m.URI), URI: m.URI, Owner: m.Owner, Bits: m.Bits, Size: m.Size, TTL: m.TTL, Expiry: m.Expiry,
		Root: hex.EncodeToString(m.Root), Height: m.Height,
	}
}

func (n *Node) getHashes(w http.ResponseWriter, r *http.Request) {
	s, m, key, err := n.theList(r)
	if err != nil {
		n.fail(w, err)
		return
	}
	hashes, err := chunkHashes(s, key, m, n.app.hashes)
	if err != nil {
		n.fail(w, err)
		return
	}
	raw := make([]byte, 0, len(hashes)*sha256.Size)
	for _, h := range hashes {
		raw = append(raw, h...)
	}
	w.Header().Set("Zegel-List-Root", hex.EncodeToString(m.Root))
	send(w, "application/octet-stream", raw)
}

func (n *Node) getChunks(w http.ResponseWriter, r *http.Request) {
	s, m, key, err := n.theList(r)
	if err != nil {
		n.fail(w, err)
		return
	}
	want, err := chunkNumbers(r, m.Chunks())
	if err != nil {
		n.fail(w, err)
		return
	}
	raw := make([]byte, 0, len(want)*ledger.ChunkSize)
	for _, c := range want {
		stored, err := chunkIn(s, key, c)
		if err != nil {
			n.fail(w, err)
			return
		}
		raw = append(raw, readChunk(stored)...)
	}
	w.Header().Set("Zegel-List-Root", hex.EncodeToString(m.Root))
	send(w, "application/octet-stream", raw)
}

// chunkNumbers reads which chunks are wanted, of a list that has so many.
func chunkNumbers(r *http.Request, chunks int) ([]int, error) {
	bad := badQuestion(fmt.Sprintf("give n or from and to: at most %d ascending chunk numbers below %d", ledger.MaxChunks, chunks))
	var want []int
	if s := r.URL.Query().Get("n"); s != "" {
		for p := range strings.SplitSeq(s, ",") {
			v, err := strconv.ParseUint(p, 10, 31)
			if err != nil || int(v) >= chunks || (len(want) > 0 && int(v) <= want[len(want)-1]) || len(want) == ledger.MaxChunks {
				return nil, bad
			}
			want = append(want, int(v))
		}
		return want, nil
	}
	from, err := number(r, "from", 0, int64(chunks))
	if err != nil {
		return nil, bad
	}
	to, err := number(r, "to", int64(chunks), int64(chunks))
	if err != nil || from >= to || to-from > ledger.MaxChunks {
		return nil, bad
	}
	for c := from; c < to; c++ {
		want = append(want, int(c))
	}
	return want, nil
}
