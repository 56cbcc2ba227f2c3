// Command franz drives franz-go against a bought cluster. It reads BOOTSTRAP, RUN and PHASE; see ../../README.md.
package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"brokerage.invalid/acceptance/suite"
)

const (
	records = 2_000
	// What a phase writes and reads of the topic that lives through restarts.
	written = 1_000
	read    = 600
)

func main() {
	checks := []suite.Check{}
	if phase() == 0 {
		checks = append(checks,
			suite.Check{Name: "a_topic_cannot_be_created_twice", Body: createdTwice},
			codec("uncompressed_and_idempotent", kgo.NoCompression()),
			codec("with_gzip", kgo.GzipCompression()),
			codec("with_snappy", kgo.SnappyCompression()),
			codec("with_lz4", kgo.Lz4Compression()),
			codec("with_zstd", kgo.ZstdCompression()),
			suite.Check{Name: "records_travel_without_idempotence", Body: func() error {
				return roundTrip("plain", kgo.NoCompression(), kgo.DisableIdempotentWrite())
			}},
			suite.Check{Name: "a_group_goes_on_where_it_committed", Body: groupGoesOn},
			suite.Check{Name: "offsets_are_listed", Body: offsetsAreListed},
		)
	}
	checks = append(checks, suite.Check{Name: "records_and_commits_outlive_a_restart", Body: outliveRestart})
	suite.Run(checks)
}

func phase() int {
	number, err := strconv.Atoi(suite.Env("PHASE", "0"))
	if err != nil {
		panic("PHASE is no number")
	}
	return number
}

func nameOf(short string) string {
	return fmt.Sprintf("franz-%s-%s", suite.Env("RUN", "run"), short)
}

func connect(options ...kgo.Opt) (*kgo.Client, error) {
	seeds := kgo.SeedBrokers(strings.Split(suite.Env("BOOTSTRAP", "127.0.0.1:9092"), ",")...)
	return kgo.NewClient(append([]kgo.Opt{seeds}, options...)...)
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

func create(topic string) error {
	return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
		_, err := admin.CreateTopic(ctx, 1, 1, nil, topic)
		return err
	})
}

func createdTwice() error {
	if err := create(nameOf("twice")); err != nil {
		return err
	}
	return suite.Equal("second time", create(nameOf("twice")), error(kerr.TopicAlreadyExists))
}

func write(topic string, first, count int, options ...kgo.Opt) error {
	client, err := connect(append(options, kgo.DefaultProduceTopic(topic))...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := limited()
	defer cancel()
	batch := make([]*kgo.Record, count)
	for i := range batch {
		value := []byte(strconv.Itoa(first + i))
		batch[i] = &kgo.Record{Value: value, Headers: []kgo.RecordHeader{{Key: "index", Value: value}}}
	}
	return client.ProduceSync(ctx, batch...).FirstErr()
}

// readAs reads `count` records as a member of a group, commits behind them, and returns the first.
// Values must be first, first+1 and so on, each at the offset of its value.
func readAs(topic, group string, first, count int) error {
	client, err := connect(
		kgo.ConsumeTopics(topic),
		kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := limited()
	defer cancel()
	seen := make([]*kgo.Record, 0, count)
	for len(seen) < count {
		fetches := client.PollRecords(ctx, count-len(seen))
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("after %d of %d: %w", len(seen), count, err)
		}
		seen = append(seen, fetches.Records()...)
	}
	for i, record := range seen {
		want := []any{int64(first + i), strconv.Itoa(first + i), strconv.Itoa(first + i)}
		got := []any{record.Offset, string(record.Value), string(record.Headers[0].Value)}
		if err := suite.Equal("record", got, want); err != nil {
			return err
		}
	}
	return client.CommitRecords(ctx, seen...)
}

func codec(name string, compression kgo.CompressionCodec) suite.Check {
	return suite.Check{Name: "records_travel_" + name, Body: func() error { return roundTrip(name, compression) }}
}

func roundTrip(name string, compression kgo.CompressionCodec, options ...kgo.Opt) error {
	topic := nameOf(name)
	if err := create(topic); err != nil {
		return err
	}
	if err := write(topic, 0, records, append(options, kgo.ProducerBatchCompression(compression))...); err != nil {
		return err
	}
	return readAs(topic, topic, 0, records)
}

func groupGoesOn() error {
	topic := nameOf("group")
	if err := create(topic); err != nil {
		return err
	}
	if err := write(topic, 0, 300); err != nil {
		return err
	}
	if err := readAs(topic, topic, 0, 120); err != nil {
		return err
	}
	return readAs(topic, topic, 120, 10)
}

func offsetsAreListed() error {
	topic := nameOf("offsets")
	if err := create(topic); err != nil {
		return err
	}
	if err := write(topic, 0, 70); err != nil {
		return err
	}
	return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
		starts, err := admin.ListStartOffsets(ctx, topic)
		if err != nil {
			return err
		}
		ends, err := admin.ListEndOffsets(ctx, topic)
		if err != nil {
			return err
		}
		start, _ := starts.Lookup(topic, 0)
		end, _ := ends.Lookup(topic, 0)
		return suite.Equal("offsets", []int64{start.Offset, end.Offset}, []int64{0, 70})
	})
}

func outliveRestart() error {
	topic, before := nameOf("restart"), phase()*written
	if phase() == 0 {
		if err := create(topic); err != nil {
			return err
		}
	} else if err := readAs(topic, fmt.Sprintf("%s-all-%d", topic, phase()), 0, before); err != nil {
		return err
	}
	if err := write(topic, before, written); err != nil {
		return err
	}
	return readAs(topic, topic+"-group", phase()*read, read)
}
