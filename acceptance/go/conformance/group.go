package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"brokerage.invalid/acceptance/suite"
)

// member is a running consumer of a group, and the partitions that it has now.
type member struct {
	client *kgo.Client
	ended  chan struct{}

	mutex sync.Mutex
	owned map[int32]bool
}

// join starts a member that polls until it is left.
func join(topic, group string, balancer kgo.GroupBalancer) (*member, error) {
	joined := &member{ended: make(chan struct{}), owned: map[int32]bool{}}
	change := func(owned bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			joined.mutex.Lock()
			defer joined.mutex.Unlock()
			for _, partition := range partitions[topic] {
				if owned {
					joined.owned[partition] = true
				} else {
					delete(joined.owned, partition)
				}
			}
		}
	}
	client, err := connect(
		kgo.ConsumeTopics(topic),
		kgo.ConsumerGroup(group),
		kgo.Balancers(balancer),
		kgo.SessionTimeout(10*time.Second),
		kgo.HeartbeatInterval(time.Second),
		kgo.OnPartitionsAssigned(change(true)),
		kgo.OnPartitionsRevoked(change(false)),
		kgo.OnPartitionsLost(change(false)),
	)
	if err != nil {
		return nil, err
	}
	joined.client = client
	go func() {
		defer close(joined.ended)
		for !client.PollFetches(context.Background()).IsClientClosed() {
		}
	}()
	return joined, nil
}

func (joined *member) leave() {
	joined.client.Close()
	<-joined.ended
}

func (joined *member) partitions() map[int32]bool {
	joined.mutex.Lock()
	defer joined.mutex.Unlock()
	copied := map[int32]bool{}
	for partition := range joined.owned {
		copied[partition] = true
	}
	return copied
}

// share lets a second member take half of the partitions over.
func share(short string, balancer kgo.GroupBalancer) func() error {
	return func() error {
		return withTopic("share-"+short, 6, nil, func(topic string) error {
			members := []*member{}
			defer func() {
				for _, joined := range members {
					joined.leave()
				}
			}()
			for count := 1; count <= 2; count++ {
				joined, err := join(topic, topic+"-group", balancer)
				if err != nil {
					return err
				}
				members = append(members, joined)
				if err := suite.Until(fmt.Sprintf("%d members share", count), func() (bool, error) {
					return evenly(members), nil
				}); err != nil {
					return fmt.Errorf("%w: %v", err, members)
				}
			}
			return nil
		})
	}
}

// evenly tells whether each member has as many of the six partitions, and none is missing.
func evenly(members []*member) bool {
	all := map[int32]bool{}
	for _, joined := range members {
		owned := joined.partitions()
		if len(owned) != 6/len(members) {
			return false
		}
		for partition := range owned {
			all[partition] = true
		}
	}
	return len(all) == 6
}

// String names the partitions of a member, for reasons of failures.
func (joined *member) String() string { return fmt.Sprint(joined.partitions()) }
