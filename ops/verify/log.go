package main

import (
	"context"
	"errors"
	"fmt"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

func init() { verifiers["log"] = verifyLog }

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
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(v.Name()), torchwood.SingleVerifierPolicy(v))
	c, _, err := torchwood.VerifyCheckpoint(raw, policy)
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
