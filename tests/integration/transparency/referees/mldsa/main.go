// Mldsa opens the signed note on standard input under one ML-DSA-44 verifier key, by the code of the transparency.dev project.
package main

import (
	"fmt"
	"io"
	"os"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	raw, err := io.ReadAll(os.Stdin)
	if err == nil {
		var v note.Verifier
		if v, err = cosignature.NewMLDSAVerifier(os.Args[1]); err == nil {
			_, err = note.Open(raw, note.VerifierList(v))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
