package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"brokerage.invalid/acceptance/suite"
)

const (
	transactionTimeout = 20 * time.Second
	// How soon a client may ask for metadata again; its default of 2.5 s makes rebalancing checks slow.
	metadataAgeMin = 100 * time.Millisecond
)

var (
	records           = number("RECORDS", "10000")
	replicationFactor = int16(number("REPLICATION_FACTOR", "1"))
	thisRun           = fmt.Sprintf("conformance-%08x", uint32(time.Now().UnixNano()))
)

func number(variable, otherwise string) int {
	parsed, err := strconv.Atoi(suite.Env(variable, otherwise))
	if err != nil {
		panic(variable + " is no number")
	}
	return parsed
}

func nameOf(short string) string { return thisRun + "-" + short }

func keyOf(index int) string { return fmt.Sprintf("key-%d", index) }

func valueOf(index int) string {
	return fmt.Sprintf("value-%d-%s", index, strings.Repeat(".", 80+index%40))
}

// door is how to reach the cluster: its addresses, its certificate authority, its user.
func door() ([]kgo.Opt, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(suite.Env("BOOTSTRAP", "127.0.0.1:9092"), ",")...),
		kgo.RecordDeliveryTimeout(suite.Wait),
		kgo.MetadataMinAge(metadataAgeMin),
	}
	user, password := os.Getenv("SASL_USERNAME"), os.Getenv("SASL_PASSWORD")
	switch mechanism := os.Getenv("SASL_MECHANISM"); mechanism {
	case "":
	case "PLAIN":
		options = append(options, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
	case "SCRAM-SHA-256":
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism()))
	case "SCRAM-SHA-512":
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()))
	default:
		return nil, fmt.Errorf("no mechanism %s", mechanism)
	}
	if authority := os.Getenv("SSL_CA"); authority != "" {
		pem, err := os.ReadFile(authority)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", authority)
		}
		options = append(options, kgo.DialTLSConfig(&tls.Config{RootCAs: roots}))
	}
	return options, nil
}

func connect(options ...kgo.Opt) (*kgo.Client, error) {
	through, err := door()
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(through, options...)...)
}

func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), suite.Wait)
}

func withAdmin(body func(context.Context, *kadm.Client) error) error {
	client, err := connect()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := limited()
	defer cancel()
	return body(ctx, kadm.NewClient(client))
}

// withTopic creates a topic, waits until metadata shows it, and goes on with its name.
func withTopic(short string, partitions int, config map[string]*string, body func(topic string) error) error {
	topic := nameOf(short)
	err := withAdmin(func(ctx context.Context, admin *kadm.Client) error {
		if _, err := admin.CreateTopic(ctx, int32(partitions), replicationFactor, config, topic); err != nil {
			return err
		}
		return suite.Until(topic+" in metadata", func() (bool, error) {
			listed, err := admin.ListTopics(ctx, topic)
			if err != nil {
				return false, err
			}
			detail := listed[topic]
			complete := detail.Err == nil && len(detail.Partitions) == partitions
			for _, partition := range detail.Partitions {
				complete = complete && len(partition.Replicas) == int(replicationFactor)
			}
			return complete, nil
		})
	})
	if err != nil {
		return err
	}
	return body(topic)
}

// produce writes numbered records and waits for each acknowledgement; this client is idempotent by itself.
func produce(topic string, count int, options ...kgo.Opt) error {
	options = append(options, kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(10*time.Millisecond))
	client, err := connect(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := limited()
	defer cancel()
	batch := make([]*kgo.Record, count)
	for index := range batch {
		key := []byte(keyOf(index))
		batch[index] = &kgo.Record{
			Key:     key,
			Value:   []byte(valueOf(index)),
			Headers: []kgo.RecordHeader{{Key: "of", Value: key}},
		}
	}
	return client.ProduceSync(ctx, batch...).FirstErr()
}

// consume reads so many records from the beginning, without a group.
func consume(topic string, count int, options ...kgo.Opt) ([]*kgo.Record, error) {
	return consumeThen(topic, count, func(context.Context, *kgo.Client, []*kgo.Record) error { return nil }, options...)
}

func everybody(*kgo.Record) bool { return true }

func nobody(*kgo.Record) bool { return false }

// consumeAs reads so many records as the only member of a group, then commits behind those that are chosen.
func consumeAs(topic, group string, count int, chosen func(*kgo.Record) bool, options ...kgo.Opt) ([]*kgo.Record, error) {
	commit := func(ctx context.Context, client *kgo.Client, seen []*kgo.Record) error {
		processed := []*kgo.Record{}
		for _, record := range seen {
			if chosen(record) {
				processed = append(processed, record)
			}
		}
		return client.CommitRecords(ctx, processed...)
	}
	options = append(options, kgo.ConsumerGroup(group), kgo.DisableAutoCommit())
	return consumeThen(topic, count, commit, options...)
}

func consumeThen(
	topic string,
	count int,
	then func(context.Context, *kgo.Client, []*kgo.Record) error,
	options ...kgo.Opt,
) ([]*kgo.Record, error) {
	options = append(options, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	client, err := connect(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := limited()
	defer cancel()
	seen := make([]*kgo.Record, 0, count)
	for len(seen) < count {
		fetches := client.PollRecords(ctx, count-len(seen))
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%d of %d records came: %w", len(seen), count, fetches.Err0())
		}
		seen = append(seen, fetches.Records()...)
	}
	return seen, then(ctx, client, seen)
}
