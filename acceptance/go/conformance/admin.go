package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"brokerage.invalid/acceptance/suite"
)

func createdTwice() error {
	return withTopic("twice", 1, nil, func(topic string) error {
		return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
			_, err := admin.CreateTopic(ctx, 1, replicationFactor, nil, topic)
			return suite.Equal("second time", err, error(kerr.TopicAlreadyExists))
		})
	})
}

func offsetsListed() error {
	return withTopic("listed", 2, nil, func(topic string) error {
		if err := produce(topic, 10); err != nil {
			return err
		}
		return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
			for _, ask := range []struct {
				what   string
				list   func(context.Context, ...string) (kadm.ListedOffsets, error)
				wanted func(sum int64) bool
			}{
				{"start offsets", admin.ListStartOffsets, func(sum int64) bool { return sum == 0 }},
				{"end offsets", admin.ListEndOffsets, func(sum int64) bool { return sum == 10 }},
				{"offsets of the greatest timestamps", admin.ListMaxTimestampOffsets, func(sum int64) bool { return sum >= 0 && sum < 10 }},
			} {
				listed, err := ask.list(ctx, topic)
				if err := errors.Join(err, listed.Error()); err != nil {
					return fmt.Errorf("%s: %w", ask.what, err)
				}
				partitions, sum := 0, int64(0)
				listed.Each(func(offset kadm.ListedOffset) {
					partitions++
					sum += offset.Offset
				})
				if partitions != 2 || !ask.wanted(sum) {
					return fmt.Errorf("%s of %d partitions, together %d", ask.what, partitions, sum)
				}
			}
			return nil
		})
	})
}

func morePartitions() error {
	return withTopic("grows", 1, nil, func(topic string) error {
		return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
			answers, err := admin.UpdatePartitions(ctx, 4, topic)
			if err := errors.Join(err, answers.Error()); err != nil {
				return err
			}
			return suite.Until("four partitions", func() (bool, error) {
				listed, err := admin.ListTopics(ctx, topic)
				return len(listed[topic].Partitions) == 4, err
			})
		})
	})
}

func settingOf(ctx context.Context, admin *kadm.Client, topic, setting string) (string, error) {
	described, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return "", err
	}
	resource, err := described.On(topic, nil)
	if err := errors.Join(err, resource.Err); err != nil {
		return "", err
	}
	for _, config := range resource.Configs {
		if config.Key == setting {
			return config.MaybeValue(), nil
		}
	}
	return "", fmt.Errorf("%s is not described", setting)
}

func settingsAltered() error {
	before, after := "123456", "77777"
	return withTopic("altered", 1, map[string]*string{"retention.ms": &before}, func(topic string) error {
		return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
			found, err := settingOf(ctx, admin, topic, "retention.ms")
			if err := errors.Join(err, suite.Equal("retention.ms", found, before)); err != nil {
				return err
			}
			change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &after}}
			answers, err := admin.AlterTopicConfigs(ctx, change, topic)
			if err != nil {
				return err
			}
			for _, answer := range answers {
				if answer.Err != nil {
					return answer.Err
				}
			}
			return suite.Until("retention.ms is altered", func() (bool, error) {
				found, err := settingOf(ctx, admin, topic, "retention.ms")
				return found == after, err
			})
		})
	})
}

func logSizes() error {
	return withTopic("sized", 1, nil, func(topic string) error {
		if err := produce(topic, 1_000, kgo.ProducerBatchCompression(kgo.NoCompression())); err != nil {
			return err
		}
		return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
			described, err := admin.DescribeAllLogDirs(ctx, nil)
			if err != nil {
				return err
			}
			replicas, bytes := 0, int64(0)
			described.Each(func(dir kadm.DescribedLogDir) {
				err = errors.Join(err, dir.Err)
				dir.Topics.Each(func(partition kadm.DescribedLogDirPartition) {
					if partition.Topic == topic {
						replicas++
						bytes += partition.Size
					}
				})
			})
			if replicas < 1 || bytes < 1_000*int64(len(valueOf(0))) {
				return fmt.Errorf("%d replicas of %d bytes", replicas, bytes)
			}
			return err
		})
	})
}

func groupListed() error {
	return withTopic("grouped", 1, nil, func(topic string) error {
		group := topic + "-group"
		if err := produce(topic, 10); err != nil {
			return err
		}
		if _, err := consumeAs(topic, group, 10, func(record *kgo.Record) bool { return record.Offset < 7 }); err != nil {
			return err
		}
		return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
			listed, err := admin.ListGroups(ctx)
			if err != nil {
				return err
			}
			if _, found := listed[group]; !found {
				return fmt.Errorf("%s is not listed", group)
			}
			lags, err := admin.Lag(ctx, group)
			if err != nil {
				return err
			}
			lag := lags[group]
			if err := errors.Join(lag.Error(), suite.Equal("lag", lag.Lag.Total(), int64(3))); err != nil {
				return err
			}
			if _, err := admin.DeleteGroup(ctx, group); err != nil {
				return err
			}
			listed, err = admin.ListGroups(ctx)
			if _, found := listed[group]; found {
				return fmt.Errorf("%s is listed after its deletion", group)
			}
			return err
		})
	})
}

// quotaSet limits what one kind of client may write, in bytes a second.
func quotaSet(ctx context.Context, admin *kadm.Client, kind, name string, bytes float64) error {
	entry := kadm.AlterClientQuotaEntry{
		Entity: kadm.ClientQuotaEntity{{Type: kind, Name: &name}},
		Ops:    []kadm.AlterClientQuotaOp{{Key: "producer_byte_rate", Value: bytes}},
	}
	altered, err := admin.AlterClientQuotas(ctx, []kadm.AlterClientQuotaEntry{entry})
	if err != nil {
		return err
	}
	return altered[0].Err
}

func quotaAwaited(ctx context.Context, admin *kadm.Client, kind, name string, bytes float64) error {
	asked := []kadm.DescribeClientQuotaComponent{{Type: kind, MatchType: kadm.QuotasMatchType(0), MatchName: &name}}
	return suite.Until("the quota is described", func() (bool, error) {
		described, err := admin.DescribeClientQuotas(ctx, true, asked)
		return len(described) == 1 && len(described[0].Values) == 1 && described[0].Values[0].Value == bytes, err
	})
}

func quotaDescribed() error {
	return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
		user := nameOf("quota-user")
		if err := quotaSet(ctx, admin, "user", user, 1_000); err != nil {
			return err
		}
		return quotaAwaited(ctx, admin, "user", user, 1_000)
	})
}

// quotaSlows writes 1.5 MB at 100 kB a second: Kafka's own quota window lets a part of it through at once.
func quotaSlows() error {
	return withTopic("slow", 1, nil, func(topic string) error {
		clientID := nameOf("slow-client")
		err := withAdmin(func(ctx context.Context, admin *kadm.Client) error {
			if err := quotaSet(ctx, admin, "client-id", clientID, 100_000); err != nil {
				return err
			}
			return quotaAwaited(ctx, admin, "client-id", clientID, 100_000)
		})
		if err != nil {
			return err
		}
		client, err := connect(
			kgo.DefaultProduceTopic(topic),
			kgo.ClientID(clientID),
			kgo.ProducerBatchCompression(kgo.NoCompression()),
			kgo.ProducerBatchMaxBytes(16_384),
		)
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, cancel := limited()
		defer cancel()
		started := time.Now()
		for range 100 {
			batch := make([]*kgo.Record, 15)
			for index := range batch {
				batch[index] = kgo.SliceRecord(make([]byte, 1_000))
			}
			if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
				return err
			}
		}
		if took := time.Since(started); took < 3*time.Second {
			return fmt.Errorf("1.5 MB took %v", took)
		}
		return nil
	})
}

func accessRule() error {
	return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
		topic := nameOf("ruled")
		rule := func() *kadm.ACLBuilder {
			return kadm.NewACLs().
				Topics(topic).
				ResourcePatternType(kadm.ACLPatternLiteral).
				Operations(kadm.OpRead).
				Allow("User:" + nameOf("somebody")).
				AllowHosts("*")
		}
		made, err := admin.CreateACLs(ctx, rule())
		if err != nil {
			return err
		}
		if err := errors.Join(suite.Equal("made", len(made), 1), made[0].Err); err != nil {
			return err
		}
		described := func(wanted int) error {
			return suite.Until(fmt.Sprintf("%d rules are described", wanted), func() (bool, error) {
				found, err := admin.DescribeACLs(ctx, rule())
				if err != nil {
					return false, err
				}
				return len(found) == 1 && found[0].Err == nil && len(found[0].Described) == wanted, nil
			})
		}
		if err := described(1); err != nil {
			return err
		}
		gone, err := admin.DeleteACLs(ctx, rule())
		if err != nil {
			return err
		}
		if err := errors.Join(gone[0].Err, suite.Equal("deleted", len(gone[0].Deleted), 1)); err != nil {
			return err
		}
		return described(0)
	})
}

func deleted() error {
	return withTopic("deleted", 1, nil, func(topic string) error {
		if err := produce(topic, 10); err != nil {
			return err
		}
		return withAdmin(func(ctx context.Context, admin *kadm.Client) error {
			answers, err := admin.DeleteTopics(ctx, topic)
			if err := errors.Join(err, answers.Error()); err != nil {
				return err
			}
			return suite.Until("it is gone", func() (bool, error) {
				listed, err := admin.ListTopics(ctx)
				return !listed.Has(topic), err
			})
		})
	})
}
