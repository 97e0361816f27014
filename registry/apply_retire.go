package registry

import (
	"slices"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// goneKey marks a uri whose list was retired, with its expiry. It stays for ever, in some fifty bytes: a new list under
// an old uri would say "valid" of every card that was revoked in the old one, to whoever takes such a card still. It is
// private: that a list is absent is proven, and why does not matter.
func goneKey(list ledger.Key) []byte { return append([]byte(keyGone), list...) }

// retireList takes an expired list out of the state: its description, its bits and its place in the index. The owner may,
// and any member, so that lists of who is gone do not stay. Nobody needs it any more: from its expiry on it answers
// nothing, so that cards end before their list does.
func retireList(o *overlay, t *transaction, b *block) *refusal {
	uri := t.RetireList.URI
	key := ledger.KeyList(uri)
	var m ledger.ListMeta
	if !o.load(key, &m) {
		return refuse(ledger.UnknownObject, "list %q", uri)
	}
	if m.Owner != t.Sender && !o.isMember(t.Sender) {
		return refuse(ledger.Unauthorized, "list %q is not of %q", uri, t.Sender)
	}
	if b.seconds() < m.Expiry {
		return refuse(ledger.Policy, "list %q expires at %d, it is %d", uri, m.Expiry, b.seconds())
	}
	for p := range pages(m.Chunks()) {
		if page := pageKey(key, p); o.value(page) != nil {
			o.remove(page)
		}
	}
	x := o.index()
	if at, found := slices.BinarySearch(x.Lists, uri); found {
		x.Lists = slices.Delete(x.Lists, at, at+1)
		o.store(ledger.KeyIndex(), x)
	}
	o.remove(key)
	o.store(goneKey(key), m.Expiry)
	return nil
}
