// Verify checks receipts of the transparency log, and the log itself, with nobody's code but that of the Go project and torchwood.
// This file alone verifies receipts (go build main.go).
//
//	verify receipt POLICY RECEIPT   offline: the log holds the document, and the witnesses of the policy saw it
//	verify bundle POLICY BUNDLE     offline: the log holds each entry of it; whether its claim follows is for lianyun verify
//	verify log URL VKEY             reads every entry that the log serves, against the checkpoint under the log's key
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

type document struct {
	Kind, Place, Key     string
	At                   int64
	Identity, Salt, Text []byte
}

// entry is the leaf of a document: docs/guides/transparency.md.
func (d document) entry() []byte {
	mac := hmac.New(sha256.New, d.Salt)
	mac.Write([]byte("lianyun-log-subject-v1\n"))
	mac.Write(d.Identity)
	salt := sha256.Sum256(d.Salt)
	digest := sha256.Sum256(slices.Concat([]byte("lianyun-log-document-v1\n"+d.Kind+"\n"), salt[:], d.Text))
	text := fmt.Sprintf("lianyun-log-entry-v1\nkind %s\nplace %s\nsubject %s\ndigest %s\nkey %s\nat %d\n", d.Kind, d.Place,
		base64.StdEncoding.EncodeToString(mac.Sum(nil)), base64.StdEncoding.EncodeToString(digest[:]), d.Key, d.At)
	return []byte(text + strings.Repeat("\n", (512-len(text)%512)%512))
}

// read gives the policies of a file, one for each of its logs, and the contents of another file as JSON.
func read(policy, path string, into any) (found []torchwood.Policy, err error) {
	text, err := os.ReadFile(policy)
	if err != nil {
		return nil, err
	}
	var logs, others []string
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "log" {
			if !isMLDSA(words[1]) { // not verified here: the log's Ed25519 key is on another line
				logs = append(logs, line)
			}
		} else {
			others = append(others, line)
		}
	}
	for _, log := range logs {
		one, err := torchwood.ParsePolicy([]byte(strings.TrimSpace(log) + "\n" + strings.Join(others, "")))
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return found, json.Unmarshal(raw, into)
}

// isMLDSA tells whether a verifier key is of ML-DSA-44.
func isMLDSA(vkey string) bool {
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	return len(parts) == 3 && err == nil && len(raw) == 1313 && raw[0] == 6
}

// underOne is nil where check holds under one of the policies, else the last fault.
func underOne(policies []torchwood.Policy, check func(torchwood.Policy) error) error {
	err := errors.New("the policy names no log")
	for _, each := range policies {
		if err = check(each); err == nil {
			return nil
		}
	}
	return err
}

func verifyReceipt(policy, path string) error {
	var r struct {
		document
		Format, Proof string
	}
	policies, err := read(policy, path, &r)
	if err != nil {
		return err
	}
	if r.Format != "lianyun-receipt-v1" {
		return errors.New("no receipt")
	}
	err = underOne(policies, func(p torchwood.Policy) error {
		return torchwood.VerifyProof(p, tlog.RecordHash(r.entry()), []byte(r.Proof))
	})
	if err == nil {
		fmt.Printf("proven: %s %s by key %s is an entry of the log\n", r.Kind, r.Place, r.Key)
	}
	return err
}

// verifiers by the word that names them; the other files add theirs.
var verifiers = map[string]func(string, string) error{"receipt": verifyReceipt}

func main() {
	err := errors.New("usage: verify receipt POLICY RECEIPT | verify bundle POLICY BUNDLE | verify log URL VKEY")
	if len(os.Args) == 4 && verifiers[os.Args[1]] != nil {
		err = verifiers[os.Args[1]](os.Args[2], os.Args[3])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "not proven:", err)
		os.Exit(1)
	}
}
