// Command conformance asks of a Kafka cluster what franz-go needs. See ../../README.md.
package main

import (
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"brokerage.invalid/acceptance/suite"
)

func main() {
	suite.Run([]suite.Check{
		{Name: "a_topic_is_created", Body: created},
		{Name: "a_topic_cannot_be_created_twice", Body: createdTwice},
		{Name: "records_travel_uncompressed", Body: travel("none", kgo.NoCompression())},
		{Name: "records_travel_with_gzip", Body: travel("gzip", kgo.GzipCompression())},
		{Name: "records_travel_with_snappy", Body: travel("snappy", kgo.SnappyCompression())},
		{Name: "records_travel_with_lz4", Body: travel("lz4", kgo.Lz4Compression())},
		{Name: "records_travel_with_zstd", Body: travel("zstd", kgo.ZstdCompression())},
		{Name: "a_group_goes_on_where_it_committed", Body: groupGoesOn},
		{Name: "records_and_commits_outlive_a_restart", Body: outliveRestart},
		{Name: "two_members_share_by_range", Body: share("range", kgo.RangeBalancer())},
		{Name: "two_members_share_cooperatively", Body: share("cooperative", kgo.CooperativeStickyBalancer())},
		{Name: "a_static_member_comes_back", Body: staticMember},
		{Name: "an_idempotent_producer_leaves_no_gap", Body: idempotent},
		{Name: "only_committed_transactions_are_seen", Body: transactions},
		{Name: "offsets_are_listed", Body: offsetsListed},
		{Name: "a_topic_gets_more_partitions", Body: morePartitions},
		{Name: "settings_of_a_topic_are_described_and_altered", Body: settingsAltered},
		{Name: "sizes_of_logs_are_described", Body: logSizes},
		{Name: "a_group_is_listed_with_its_lag_and_deleted", Body: groupListed},
		{Name: "a_quota_is_set_and_described", Body: quotaDescribed},
		{Name: "a_quota_slows_a_producer_down", Body: quotaSlows},
		{Name: "an_access_rule_is_made_described_and_deleted", Body: accessRule},
		{Name: "a_deleted_topic_is_gone", Body: deleted},
	})
}

func created() error {
	return withTopic("created", 3, nil, func(string) error { return nil })
}

// travel writes with a codec over three partitions; every record must come back whole.
func travel(codec string, compression kgo.CompressionCodec) func() error {
	return func() error {
		return withTopic("codec-"+codec, 3, nil, func(topic string) error {
			if err := produce(topic, records, kgo.ProducerBatchCompression(compression)); err != nil {
				return err
			}
			seen, err := consume(topic, records)
			if err != nil {
				return err
			}
			byKey := map[string]*kgo.Record{}
			for _, record := range seen {
				byKey[string(record.Key)] = record
			}
			for index := range records {
				record := byKey[keyOf(index)]
				if record == nil {
					return fmt.Errorf("%s did not come back", keyOf(index))
				}
				got := []any{string(record.Value), len(record.Headers), string(record.Headers[0].Value)}
				if err := suite.Equal(keyOf(index), got, []any{valueOf(index), 1, keyOf(index)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func groupGoesOn() error {
	return withTopic("resume", 1, nil, func(topic string) error {
		if err := produce(topic, 100); err != nil {
			return err
		}
		seen, err := consumeAs(topic, topic+"-group", 100, func(record *kgo.Record) bool { return record.Offset < 60 })
		if err != nil {
			return err
		}
		if err := suite.Equal("records", len(seen), 100); err != nil {
			return err
		}
		seen, err = consumeAs(topic, topic+"-group", 40, nobody)
		if err != nil {
			return err
		}
		return suite.Equal("first offset", seen[0].Offset, int64(60))
	})
}

func outliveRestart() error {
	command := suite.Env("RESTART_CMD", "")
	if command == "" {
		return suite.Skip("RESTART_CMD is not set")
	}
	return withTopic("restart", 2, nil, func(topic string) error {
		group := topic + "-group"
		if err := produce(topic, 1_000); err != nil {
			return err
		}
		if _, err := consumeAs(topic, group, 1_000, everybody); err != nil {
			return err
		}
		if told, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			return fmt.Errorf("RESTART_CMD: %w: %s", err, told)
		}
		if err := produce(topic, 50); err != nil {
			return err
		}
		seen, err := consumeAs(topic, group, 50, nobody)
		if err != nil {
			return err
		}
		keys := map[string]bool{}
		for _, record := range seen {
			keys[string(record.Key)] = true
		}
		for index := range 50 {
			if !keys[keyOf(index)] || len(keys) != 50 {
				return fmt.Errorf("after the commit came %d keys, %s: %v", len(keys), keyOf(index), keys[keyOf(index)])
			}
		}
		_, err = consume(topic, 1_050)
		return err
	})
}

// staticMember leaves and comes back with its instance id: it goes on behind its commit.
func staticMember() error {
	return withTopic("static", 2, nil, func(topic string) error {
		member := []kgo.Opt{kgo.InstanceID("one"), kgo.SessionTimeout(20 * time.Second)}
		for round := range 2 {
			if err := produce(topic, 20); err != nil {
				return err
			}
			if _, err := consumeAs(topic, topic+"-group", 20, everybody, member...); err != nil {
				return fmt.Errorf("round %d: %w", round, err)
			}
		}
		return nil
	})
}

func idempotent() error {
	return withTopic("idempotent", 1, nil, func(topic string) error {
		if err := produce(topic, records); err != nil {
			return err
		}
		seen, err := consume(topic, records)
		if err != nil {
			return err
		}
		for index, record := range seen {
			got := []any{record.Offset, string(record.Key)}
			if err := suite.Equal("place", got, []any{int64(index), keyOf(index)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func transactions() error {
	return withTopic("transactions", 1, nil, func(topic string) error {
		client, err := connect(
			kgo.DefaultProduceTopic(topic),
			kgo.TransactionalID(topic+"-id"),
			kgo.TransactionTimeout(transactionTimeout),
		)
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, cancel := limited()
		defer cancel()
		wanted := []string{}
		for round, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
			if err := client.BeginTransaction(); err != nil {
				return err
			}
			for index := range 10 {
				value := fmt.Sprintf("%d-%d", round, index)
				if err := client.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr(); err != nil {
					return err
				}
				if end == kgo.TryCommit {
					wanted = append(wanted, value)
				}
			}
			if err := client.EndTransaction(ctx, end); err != nil {
				return err
			}
		}
		seen, err := consume(topic, len(wanted), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		if err != nil {
			return err
		}
		got := []string{}
		for _, record := range seen {
			got = append(got, string(record.Value))
		}
		return suite.Equal("values", strings.Join(got, " "), strings.Join(wanted, " "))
	})
}
