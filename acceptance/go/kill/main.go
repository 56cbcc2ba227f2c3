// Command kill kills a broker again and again while clients use it, and looks for what they were told.
//
// BROKER is a program that serves one cluster (`BROKER DATA PORT BROKERS [power]`), DATA its data
// directory, DURABILITY (power or process) what it promises, KILLS how often it is killed, SEED when. The load: idempotent
// producers with many records in flight; transactions that are committed or aborted; a read_committed
// consumer; groups of both protocols that commit what they have read; and a copy that is exactly once.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"brokerage.invalid/acceptance/suite"
)

const (
	// upMin and upMax bound the time from a start to the next kill, in milliseconds: some fall into the
	// start itself.
	upMin, upMax = 20, 900
	// settleWait is how long the clients may take to end, and a topic to be read.
	settleWait = 300 * time.Second
	// shown is how many findings of a kind are printed.
	shown = 5
)

func number(name, otherwise string) int64 {
	value, err := strconv.ParseInt(suite.Env(name, otherwise), 10, 64)
	if err != nil {
		panic(name + " is no number")
	}
	return value
}

// found is what was looked for at the end.
type found struct {
	kills, records, committed, aborted, open int
	lost, duplicated, uncommitted            []string
	regressed                                int
	copied                                   int
}

func main() {
	kills, seed := int(number("KILLS", "200")), number("SEED", "1")
	s, err := newServer(suite.Env("BROKER", ""), suite.Env("DATA", ""), suite.Env("DURABILITY", "process"))
	if err != nil {
		fmt.Println("FAIL the_broker_can_be_set_up:", err)
		os.Exit(1)
	}
	l := newLedger()
	result, err := run(s, l, kills, seed)
	s.kill()
	if err == nil {
		fmt.Printf("kills=%d durability=%s records=%d committed=%d aborted=%d unknown=%d commits=%d copied=%d "+
			"lost=%d duplicated=%d uncommitted=%d regressed=%d\n", result.kills, s.durability, result.records,
			result.committed, result.aborted, result.open, l.commitCount, result.copied, len(result.lost),
			len(result.duplicated), len(result.uncommitted), result.regressed)
	}
	none := func(findings []string) error {
		if len(findings) == 0 {
			return nil
		}
		sort.Strings(findings)
		return fmt.Errorf("%d: %s", len(findings), strings.Join(findings[:min(shown, len(findings))], ", "))
	}
	suite.Run([]suite.Check{
		{Name: "the_clients_go_on", Body: func() error { return err }},
		{Name: "no_acknowledged_record_is_lost", Body: func() error { return none(result.lost) }},
		{Name: "no_record_is_there_twice", Body: func() error { return none(result.duplicated) }},
		{Name: "nothing_uncommitted_is_seen", Body: func() error { return none(result.uncommitted) }},
		{Name: "no_committed_offset_goes_back", Body: func() error {
			return suite.Equal("offsets that went back", result.regressed, 0)
		}},
		{Name: "idempotent_producers_are_not_refused", Body: func() error { return none(l.refused) }},
		{Name: "work_was_done_between_the_kills", Body: func() error {
			if result.records < 10*kills || result.committed < kills || result.copied < kills || l.commitCount < kills {
				return errors.New("the clients came to almost nothing")
			}
			return nil
		}},
	})
}

func run(s *server, l *ledger, kills int, seed int64) (found, error) {
	result := found{}
	if err := s.start(); err != nil {
		return result, err
	}
	if err := s.waitReady(); err != nil {
		return result, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), suite.Wait)
	defer cancel()
	if err := createTopics(ctx, s); err != nil {
		return result, err
	}
	work, stop := context.WithCancel(context.Background())
	defer stop()
	later, stopLater := context.WithCancel(context.Background())
	defer stopLater()
	var writers, readers sync.WaitGroup
	failures := make(chan error, 16)
	launch := func(group *sync.WaitGroup, body func() error) {
		group.Add(1)
		go func() {
			defer group.Done()
			if err := body(); err != nil {
				failures <- err
			}
		}()
	}
	for id := range 2 {
		launch(&writers, func() error { return produce(work, s, l, id) })
	}
	launch(&writers, func() error { return transact(work, s, l, rand.New(rand.NewSource(seed))) })
	launch(&readers, func() error { return watch(later, s, l) })
	launch(&readers, func() error { return read(later, s, l, "classic") })
	launch(&readers, func() error {
		return read(later, s, l, "consumer", kgo.Balancers(kgo.RangeBalancer()), kgo.ServerSideBalancer())
	})
	launch(&readers, func() error { return copyAll(later, s, l) })

	chance := rand.New(rand.NewSource(seed))
	for result.kills < kills {
		time.Sleep(time.Duration(upMin+chance.Intn(upMax-upMin)) * time.Millisecond)
		s.kill()
		result.kills++
		if err := s.start(); err != nil {
			return result, err
		}
		if result.kills%10 == 0 {
			if err := s.waitReady(); err != nil {
				return result, err
			}
			asking, cancel := context.WithTimeout(context.Background(), suite.Wait)
			back, err := regressed(asking, s, l)
			cancel()
			if err != nil {
				return result, err
			}
			result.regressed += back
		}
	}
	stop()
	if err := wait(&writers); err != nil {
		return result, fmt.Errorf("producers: %w", err)
	}
	if err := settle(s, l, &result); err != nil {
		return result, err
	}
	stopLater()
	if err := wait(&readers); err != nil {
		return result, fmt.Errorf("consumers: %w", err)
	}
	select {
	case err := <-failures:
		return result, err
	default:
	}
	return result, nil
}

func wait(group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-time.After(settleWait):
		return errors.New("they do not end")
	}
}

// settle reads everything and compares it with what the clients were told.
func settle(s *server, l *ledger, result *found) error {
	ctx, cancel := context.WithTimeout(context.Background(), settleWait)
	defer cancel()
	back, err := regressed(ctx, s, l)
	if err != nil {
		return err
	}
	result.regressed += back
	plain, err := scan(ctx, s, plainTopic, kgo.ReadUncommitted())
	if err != nil {
		return err
	}
	result.records = len(l.acknowledged)
	for value := range l.acknowledged {
		if plain[value] == 0 {
			result.lost = append(result.lost, value)
		}
	}
	result.duplicated = append(result.duplicated, twice(plain)...)
	if err := settleTransactions(ctx, s, l, result); err != nil {
		return err
	}
	return settleCopy(ctx, s, plain, result)
}

func twice(counts map[string]int) []string {
	var values []string
	for value, count := range counts {
		if count > 1 {
			values = append(values, fmt.Sprintf("%s (%d times)", value, count))
		}
	}
	return values
}

func settleTransactions(ctx context.Context, s *server, l *ledger, result *found) error {
	counts, err := scan(ctx, s, ledgerTopic, kgo.ReadCommitted())
	if err != nil {
		return err
	}
	result.duplicated = append(result.duplicated, twice(counts)...)
	sizes := map[int]int{}
	for value := range counts {
		sizes[transactionOf(value)]++
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	result.uncommitted = append(result.uncommitted, l.uncommitted...)
	for number, known := range l.transactions {
		name := fmt.Sprintf("t%d", number)
		switch {
		case known == committed:
			result.committed++
			if sizes[number] != l.sizes[number] {
				result.lost = append(result.lost, fmt.Sprintf("%s: %d of %d", name, sizes[number], l.sizes[number]))
			}
		case known == committing:
			result.open++
			if sizes[number] != 0 && sizes[number] != l.sizes[number] {
				result.uncommitted = append(result.uncommitted, name+" in part")
			}
			if sizes[number] == 0 && l.seen[number] > 0 {
				result.lost = append(result.lost, name+" was seen before")
			}
		default:
			result.aborted++
			if sizes[number] > 0 {
				result.uncommitted = append(result.uncommitted, name)
			}
		}
	}
	return nil
}

// settleCopy waits until everything is copied; then each record is there exactly once.
func settleCopy(ctx context.Context, s *server, plain map[string]int, result *found) error {
	for {
		copied, err := scan(ctx, s, copyTopic, kgo.ReadCommitted())
		if err != nil {
			return err
		}
		if len(copied) >= len(plain) || ctx.Err() != nil {
			result.copied = len(copied)
			result.duplicated = append(result.duplicated, twice(copied)...)
			for value := range plain {
				if copied[value] == 0 {
					result.lost = append(result.lost, "copy of "+value)
				}
			}
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
}
