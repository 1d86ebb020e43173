package main

import (
	"errors"
	"fmt"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

func init() { verifiers["bundle"] = verifyBundle }

func verifyBundle(policy, path string) error {
	var b struct {
		Format, Statement, Checkpoint string
		Parts                         []struct {
			document
			Entry []byte
			Index *int64
			Proof tlog.RecordProof
		}
	}
	policies, err := read(policy, path, &b)
	if err != nil {
		return err
	}
	if b.Format != "lianyun-bundle-v1" || len(b.Parts) == 0 {
		return errors.New("no bundle")
	}
	var c torchwood.Checkpoint
	err = underOne(policies, func(p torchwood.Policy) (err error) {
		c, _, err = torchwood.VerifyCheckpoint([]byte(b.Checkpoint), p)
		return err
	})
	if err != nil {
		return err
	}
	for n, part := range b.Parts {
		entry := part.Entry
		if entry == nil {
			entry = part.entry()
		}
		if part.Index == nil {
			return fmt.Errorf("part %d has no index", n)
		}
		if err := tlog.CheckRecord(part.Proof, c.N, c.Hash, *part.Index, tlog.RecordHash(entry)); err != nil {
			return fmt.Errorf("entry %d: %w", *part.Index, err)
		}
	}
	fmt.Printf("proven: %d entries of %d of %s, of a bundle that says: %s\n", len(b.Parts), c.N, c.Origin, b.Statement)
	return nil
}
