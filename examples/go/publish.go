// Publish signed events with franz-go: go run . BOOTSTRAP TOPIC NETWORK SOURCE SEED_FILE < events.jsonl
// Input and output are those of publish.py; schemas/published/signing.md explains every byte.
package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"github.com/twmb/franz-go/pkg/kgo"
	"os"
)

var names = []string{"ce_specversion", "ce_source", "ce_id", "ce_type", "ce_time", "ce_subject", "content-type"}

func prefixed(s string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s }
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	network, source := os.Args[3], os.Args[4]
	seed := must(hex.DecodeString(string(bytes.TrimSpace(must(os.ReadFile(os.Args[5]))))))
	key, saltSecret := ed25519.NewKeyFromSeed(seed), sha256.Sum256([]byte("salt secret\n"+string(seed)))
	keyID := sha256.Sum256([]byte("ed25519\x00" + string(key[32:])))
	client := must(kgo.NewClient(kgo.SeedBrokers(os.Args[1]), kgo.DefaultProduceTopic(os.Args[2])))
	for lines := json.NewDecoder(os.Stdin); lines.More(); {
		var event struct {
			ID, Type, Time, Subject string
			Data                    json.RawMessage
		}
		must(0, lines.Decode(&event))
		salt, data := hmac.New(sha256.New, saltSecret[:]), new(bytes.Buffer)
		salt.Write([]byte("lianyun-salt-v1\n" + prefixed(source) + prefixed(event.ID)))
		must(0, json.Compact(data, event.Data))
		payload := fmt.Sprintf(`{"salt":"%x",`, salt.Sum(nil)[:16]) + data.String()[1:]
		record, signed := kgo.KeyStringRecord(event.Subject, payload), "lianyun-event-v1\n\x01"+prefixed(network)
		for i, v := range []string{"1.0", source, event.ID, event.Type, event.Time, event.Subject, "application/json"} {
			if v != "" || names[i] != "ce_subject" {
				signed += "\x01" + prefixed(v)
				record.Headers = append(record.Headers, kgo.RecordHeader{Key: names[i], Value: []byte(v)})
			} else {
				signed += "\x00" // absent: signed as such, without a header
			}
		}
		signature := base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(signed+prefixed(payload))))
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: "lianyun-signature", Value: fmt.Appendf(nil, "v1;ed25519;%x;%s", keyID[:8], signature)})
		fmt.Println(event.ID, "stored at offset", must(client.ProduceSync(context.Background(), record).First()).Offset)
	}
}
