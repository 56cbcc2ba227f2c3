package main

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	plainTopic  = "plain"
	ledgerTopic = "ledger"
	copyTopic   = "copy"
	copyGroup   = "copiers"
	partitions  = 3

	// inFlightMax is how many records of one producer may wait for their acknowledgement.
	inFlightMax = 500
	// retryPause is short: a killed broker is back at once.
	retryPause = 20 * time.Millisecond
	// transactionRecordsMax is the most records of one transaction.
	transactionRecordsMax = 12
)

// outcome is what the client of a transaction knows of it.
type outcome int

const (
	open outcome = iota
	committing
	committed
	aborted
)

// ledger is everything that the clients were told.
type ledger struct {
	mutex        sync.Mutex
	acknowledged map[string]bool
	transactions map[int]outcome
	sizes        map[int]int
	// seen is how many records of a transaction a read_committed consumer got while it was running.
	seen        map[int]int
	uncommitted []string
	commits     map[string]map[int32]int64
	commitCount int
	copies      int
	refused     []string
}

func newLedger() *ledger {
	return &ledger{
		acknowledged: map[string]bool{},
		transactions: map[int]outcome{},
		sizes:        map[int]int{},
		seen:         map[int]int{},
		commits:      map[string]map[int32]int64{},
	}
}

func (l *ledger) with(work func()) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	work()
}

func (l *ledger) refuse(format string, arguments ...any) {
	l.with(func() { l.refused = append(l.refused, fmt.Sprintf(format, arguments...)) })
}

func connect(s *server, options ...kgo.Opt) (*kgo.Client, error) {
	common := []kgo.Opt{
		kgo.SeedBrokers(s.address()),
		// A broker that is killed closes connections at any moment, the first too.
		kgo.AlwaysRetryEOF(),
		kgo.RetryBackoffFn(func(int) time.Duration { return retryPause }),
		kgo.RequestRetries(1 << 20),
		kgo.RetryTimeout(10 * time.Minute),
		kgo.MetadataMinAge(retryPause),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
	}
	return kgo.NewClient(append(common, options...)...)
}

// produce writes records as an idempotent producer, many in flight, until it is told to stop; then it
// waits for what is in flight.
func produce(ctx context.Context, s *server, l *ledger, id int) error {
	client, err := connect(s, kgo.DefaultProduceTopic(plainTopic), kgo.StopProducerOnDataLossDetected(),
		kgo.ProducerLinger(time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	room := make(chan struct{}, inFlightMax)
	for number := 0; ctx.Err() == nil; number++ {
		room <- struct{}{}
		value := fmt.Sprintf("p%d-%d", id, number)
		client.Produce(context.Background(), kgo.StringRecord(value), func(_ *kgo.Record, err error) {
			<-room
			if err != nil {
				l.refuse("%s: %v", value, err)
				return
			}
			l.with(func() { l.acknowledged[value] = true })
		})
		if number%4 == 0 {
			time.Sleep(4 * time.Millisecond)
		}
	}
	return client.Flush(context.Background())
}

// transact writes transactions one after the other, and commits or aborts them by chance. After an error
// nobody knows the outcome: a new producer of the same transactional id goes on.
func transact(ctx context.Context, s *server, l *ledger, chance *rand.Rand) error {
	var client *kgo.Client
	var err error
	for number := 0; ctx.Err() == nil; number++ {
		if client == nil {
			client, err = connect(s, kgo.DefaultProduceTopic(ledgerTopic), kgo.TransactionalID("kill"),
				kgo.TransactionTimeout(time.Minute))
			if err != nil {
				return err
			}
		}
		if err := transactOnce(client, l, number, chance); err != nil {
			client.Close()
			client = nil
		}
	}
	if client != nil {
		client.Close()
	}
	return nil
}

func transactOnce(client *kgo.Client, l *ledger, number int, chance *rand.Rand) error {
	size := 1 + chance.Intn(transactionRecordsMax)
	l.with(func() { l.transactions[number], l.sizes[number] = open, size })
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	var failed error
	var mutex sync.Mutex
	for at := range size {
		value := fmt.Sprintf("t%d-%d", number, at)
		client.Produce(context.Background(), kgo.StringRecord(value), func(_ *kgo.Record, err error) {
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				failed = err
			}
		})
		if chance.Intn(4) == 0 {
			time.Sleep(time.Duration(chance.Intn(4)) * time.Millisecond)
		}
	}
	if err := client.Flush(context.Background()); err != nil || failed != nil || chance.Intn(10) < 3 {
		l.with(func() { l.transactions[number] = aborted })
		if failed != nil {
			return failed
		}
		return client.EndTransaction(context.Background(), kgo.TryAbort)
	}
	l.with(func() { l.transactions[number] = committing })
	if err := client.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
		return err
	}
	l.with(func() { l.transactions[number] = committed })
	return nil
}

// watch reads transactions with read_committed all the time: what it sees must have been committed, or be
// about to be.
func watch(ctx context.Context, s *server, l *ledger) error {
	client, err := connect(s, kgo.ConsumeTopics(ledgerTopic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(record *kgo.Record) {
			value := string(record.Value)
			var number, at int
			_, _ = fmt.Sscanf(value, "t%d-%d", &number, &at)
			l.with(func() {
				l.seen[number]++
				if known := l.transactions[number]; known == open || known == aborted {
					l.uncommitted = append(l.uncommitted, value)
				}
			})
		})
	}
	return nil
}

// read consumes as the only member of a group and commits what it has read.
func read(ctx context.Context, s *server, l *ledger, group string, options ...kgo.Opt) error {
	client, err := connect(s, append(options, kgo.ConsumeTopics(plainTopic), kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
		kgo.FetchMaxWait(50*time.Millisecond))...)
	if err != nil {
		return err
	}
	defer client.Close()
	l.with(func() { l.commits[group] = map[int32]int64{} })
	for ctx.Err() == nil {
		records := client.PollRecords(ctx, 200).Records()
		if len(records) == 0 {
			continue
		}
		if err := client.CommitRecords(ctx, records...); err != nil {
			continue
		}
		l.with(func() {
			l.commitCount++
			for _, record := range records {
				next := max(l.commits[group][record.Partition], record.Offset+1)
				l.commits[group][record.Partition] = next
			}
		})
	}
	return nil
}

// regressed tells how many offsets lie before what was acknowledged.
func regressed(ctx context.Context, s *server, l *ledger) (int, error) {
	known := map[string]map[int32]int64{}
	l.with(func() {
		for group, offsets := range l.commits {
			known[group] = map[int32]int64{}
			for partition, offset := range offsets {
				known[group][partition] = offset
			}
		}
	})
	client, err := connect(s)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	count := 0
	for group, offsets := range known {
		if len(offsets) == 0 {
			continue
		}
		found, err := kadm.NewClient(client).FetchOffsets(ctx, group)
		if err != nil {
			return 0, fmt.Errorf("offsets of %s: %w", group, err)
		}
		for partition, offset := range offsets {
			at, isThere := found.Lookup(plainTopic, partition)
			if !isThere || at.At < offset {
				count++
				l.refuse("%s-%d of %s is at %d, was committed at %d", plainTopic, partition, group, at.At, offset)
			}
		}
	}
	return count, nil
}

// copyAll copies records exactly once: what it reads and what it writes is one transaction.
func copyAll(ctx context.Context, s *server, l *ledger) error {
	for ctx.Err() == nil {
		if err := copySession(ctx, s, l); err != nil && ctx.Err() == nil {
			time.Sleep(retryPause)
		}
	}
	return nil
}

func copySession(ctx context.Context, s *server, l *ledger) error {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(s.address()),
		kgo.RetryBackoffFn(func(int) time.Duration { return retryPause }),
		kgo.RequestRetries(1<<20), kgo.RetryTimeout(10*time.Minute), kgo.MetadataMinAge(retryPause),
		kgo.TransactionalID("copier"), kgo.TransactionTimeout(time.Minute),
		kgo.ConsumeTopics(plainTopic), kgo.ConsumerGroup(copyGroup), kgo.DefaultProduceTopic(copyTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RequireStableFetchOffsets(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		return err
	}
	defer session.Close()
	for ctx.Err() == nil {
		fetches := session.PollRecords(ctx, 2_000)
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := session.Begin(); err != nil {
			return err
		}
		var failed kgo.FirstErrPromise
		fetches.EachRecord(func(record *kgo.Record) {
			session.Produce(context.Background(), &kgo.Record{Value: record.Value}, failed.Promise())
		})
		isCommitted, err := session.End(context.Background(), failed.Err() == nil)
		if err != nil {
			return err
		}
		if isCommitted {
			l.with(func() { l.copies += fetches.NumRecords() })
		}
	}
	return nil
}

// scan reads a topic to its end and counts each value.
func scan(ctx context.Context, s *server, topic string, isolation kgo.IsolationLevel) (map[string]int, error) {
	client, err := connect(s, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(isolation),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.KeepControlRecords())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	missing := map[int32]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			missing[end.Partition] = end.Offset
		}
	})
	counts := map[string]int{}
	for len(missing) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s is not read to its end: %v are missing", topic, missing)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			if !record.Attrs.IsControl() {
				counts[string(record.Value)]++
			}
			if record.Offset+1 >= missing[record.Partition] {
				delete(missing, record.Partition)
			}
		})
	}
	return counts, nil
}

func createTopics(ctx context.Context, s *server) error {
	client, err := connect(s)
	if err != nil {
		return err
	}
	defer client.Close()
	// Small segments: many are made, sealed and indexed.
	small := "65536"
	configs := map[string]*string{"segment.bytes": &small}
	for _, topic := range []string{plainTopic, ledgerTopic, copyTopic} {
		if _, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, configs, topic); err != nil {
			return fmt.Errorf("%s: %w", topic, err)
		}
	}
	return nil
}

func transactionOf(value string) int {
	var number, at int
	_, _ = fmt.Sscanf(strings.TrimSpace(value), "t%d-%d", &number, &at)
	return number
}
