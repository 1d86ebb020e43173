// Verify checks receipts of the transparency log, and the log itself, with nobody's code but that of the Go project and torchwood.
//
//	verify receipt POLICY RECEIPT   offline: the log holds the document, and the witnesses of the policy saw it
//	verify bundle POLICY BUNDLE     offline: the log holds each entry of it; whether its claim follows is for lianyun verify
//	verify log URL VKEY             reads every entry that the log serves, against the checkpoint under the log's key
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type receipt struct {
	Format, Kind, Place, Key, Proof string
	At                              int64
	Identity, Salt, Text            []byte
}

// entry is the leaf of a document: docs/guides/transparency.md.
func (r receipt) entry() []byte {
	mac := hmac.New(sha256.New, r.Salt)
	mac.Write([]byte("lianyun-log-subject-v1\n"))
	mac.Write(r.Identity)
	salt := sha256.Sum256(r.Salt)
	digest := sha256.Sum256(slices.Concat([]byte("lianyun-log-document-v1\n"+r.Kind+"\n"), salt[:], r.Text))
	text := fmt.Sprintf("lianyun-log-entry-v1\nkind %s\nplace %s\nsubject %s\ndigest %s\nkey %s\nat %d\n", r.Kind, r.Place,
		base64.StdEncoding.EncodeToString(mac.Sum(nil)), base64.StdEncoding.EncodeToString(digest[:]), r.Key, r.At)
	return []byte(text + strings.Repeat("\n", (512-len(text)%512)%512))
}

// witness verifies cosignatures of type Ed25519 (C2SP tlog-cosignature).
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newWitness(vkey string) (*witness, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, encoded, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	hash := sha256.Sum256(slices.Concat([]byte(name+"\n"), raw))
	if err != nil || len(raw) != 33 || raw[0] != 4 || fmt.Sprintf("%x", hash[:4]) != id {
		return nil, fmt.Errorf("no Ed25519 key of a witness: %q", vkey)
	}
	return &witness{name, binary.BigEndian.Uint32(hash[:4]), raw[1:]}, nil
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }
func (w *witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	text := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(w.key, []byte(text), sig[8:])
}

// isMLDSA tells whether a verifier key is of ML-DSA-44.
func isMLDSA(vkey string) bool {
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	return len(parts) == 3 && err == nil && len(raw) == 1313 && raw[0] == 6
}

// policy is a C2SP tlog-policy: keys by name, groups of them, and the quorum.
type policy struct {
	logs      []note.Verifier
	witnesses map[string]note.Verifier
	groups    map[string][]string // threshold, then members
	quorum    string
}

func readPolicy(path string) (*policy, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &policy{witnesses: map[string]note.Verifier{}, groups: map[string][]string{}}
	for _, line := range strings.Split(string(raw), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case words[0] == "log" && len(words) >= 2:
			if isMLDSA(words[1]) {
				continue // not verified here: the log's Ed25519 key is on another line
			}
			v, err := note.NewVerifier(words[1])
			if err != nil {
				return nil, err
			}
			p.logs = append(p.logs, v)
		case words[0] == "witness" && len(words) >= 3:
			v, err := newWitness(words[2])
			if err != nil {
				return nil, err
			}
			p.witnesses[words[1]] = v
		case words[0] == "group" && len(words) >= 4:
			p.groups[words[1]] = words[2:]
		case words[0] == "quorum" && len(words) == 2:
			p.quorum = words[1]
		default:
			return nil, fmt.Errorf("no line of a policy: %q", line)
		}
	}
	return p, nil
}

func (p *policy) witnessed(name string, by map[string]bool) bool {
	group, ok := p.groups[name]
	if !ok {
		return name == "none" || by[name]
	}
	found := 0
	for _, member := range group[1:] {
		if p.witnessed(member, by) {
			found++
		}
	}
	need := map[string]int{"any": 1, "all": len(group) - 1}[group[0]]
	if need == 0 {
		need, _ = strconv.Atoi(group[0])
	}
	return need > 0 && found >= need
}

func (p *policy) open(signed string) (torchwood.Checkpoint, error) {
	verifiers, names := slices.Clone(p.logs), map[string]string{}
	for name, v := range p.witnesses {
		verifiers, names[fmt.Sprint(v.Name(), v.KeyHash())] = append(verifiers, v), name
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifiers...))
	if err != nil {
		return torchwood.Checkpoint{}, err
	}
	c, err := torchwood.ParseCheckpoint(n.Text)
	if err != nil {
		return torchwood.Checkpoint{}, err
	}
	by, logged := map[string]bool{}, false
	for _, s := range n.Sigs {
		logged = logged || slices.ContainsFunc(p.logs, func(v note.Verifier) bool {
			return v.Name() == c.Origin && v.Name() == s.Name && v.KeyHash() == s.Hash
		})
		by[names[fmt.Sprint(s.Name, s.Hash)]] = true
	}
	if !logged || p.quorum == "" || !p.witnessed(p.quorum, by) {
		return torchwood.Checkpoint{}, errors.New("no trusted log signed it, or the quorum is not met")
	}
	return c, nil
}

func verifyReceipt(policyPath, path string) error {
	p, err := readPolicy(policyPath)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var r receipt
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	head, signed, _ := strings.Cut(r.Proof, "\n\n")
	lines := strings.Split(head, "\n")
	if r.Format != "lianyun-receipt-v1" || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("no receipt")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	c, err := p.open(signed)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, c.N, c.Hash, index, tlog.RecordHash(r.entry())); err != nil {
		return err
	}
	fmt.Printf("proven: %s %s by key %s is entry %d of %d of %s\n", r.Kind, r.Place, r.Key, index, c.N, c.Origin)
	return nil
}

func verifyBundle(policyPath, path string) error {
	p, err := readPolicy(policyPath)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var b struct {
		Format, Statement, Checkpoint string
		Parts                         []struct {
			receipt
			Entry, Index json.RawMessage
			Proof        []tlog.Hash
		}
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return err
	}
	if b.Format != "lianyun-bundle-v1" || len(b.Parts) == 0 {
		return errors.New("no bundle")
	}
	c, err := p.open(b.Checkpoint)
	if err != nil {
		return err
	}
	for _, part := range b.Parts {
		entry := part.entry()
		if part.Entry != nil {
			if err := json.Unmarshal(part.Entry, &entry); err != nil {
				return err
			}
		}
		index, err := strconv.ParseInt(string(part.Index), 10, 64)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(part.Proof, c.N, c.Hash, index, tlog.RecordHash(entry)); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
	}
	fmt.Printf("proven: %d entries of %d of %s, of a bundle that says: %s\n", len(b.Parts), c.N, c.Origin, b.Statement)
	return nil
}

func verifyLog(url, vkey string) error {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	fetcher, err := torchwood.NewTileFetcher(url)
	if err != nil {
		return err
	}
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		return err
	}
	raw, err := fetcher.ReadEndpoint(context.Background(), "checkpoint")
	if err != nil {
		return err
	}
	n, err := note.Open(raw, note.VerifierList(v))
	if err != nil {
		return err
	}
	c, err := torchwood.ParseCheckpoint(n.Text)
	if err != nil {
		return err
	}
	read := int64(0)
	for range client.Entries(context.Background(), c.Tree, 0) {
		read++
	}
	if err := client.Err(); err != nil {
		return err
	}
	if read == 0 {
		return errors.New("no entry was read")
	}
	fmt.Printf("sound: %d of %d entries of %s\n", read, c.N, c.Origin)
	return nil
}

func main() {
	err := errors.New("usage: verify receipt POLICY RECEIPT | verify bundle POLICY BUNDLE | verify log URL VKEY")
	if len(os.Args) == 4 && os.Args[1] == "receipt" {
		err = verifyReceipt(os.Args[2], os.Args[3])
	} else if len(os.Args) == 4 && os.Args[1] == "bundle" {
		err = verifyBundle(os.Args[2], os.Args[3])
	} else if len(os.Args) == 4 && os.Args[1] == "log" {
		err = verifyLog(os.Args[2], os.Args[3])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "not proven:", err)
		os.Exit(1)
	}
}
