// Package suite is what every Go suite shares: its settings, its checks, its closing line.
// See ../../README.md for the contract.
package suite

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"
)

// Env reads a setting or its default.
func Env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// Where the server is and who asks.
var (
	Endpoint = Env("ENDPOINT", "127.0.0.1:8080")
	// The same over TLS, with the authority that SSL_CERT_FILE names.
	EndpointTLS = Env("ENDPOINT_TLS", "127.0.0.1:8443")
	KeyID       = Env("ACCESS_KEY_ID", "BROKERAGESANDBOX")
	KeySecret   = Env("ACCESS_KEY_SECRET", "brokerage-sandbox-secret")
)

// Wait is how long a cluster may take to run, and a client to finish; far above what is needed.
const Wait = 60 * time.Second

// reasonCharsMax is the longest reason printed for a failed check.
const reasonCharsMax = 600

// Check is a sentence and its proof.
type Check struct {
	Name string
	Body func() error
}

// Skip is the error of a check that cannot be made here: the reason.
type Skip string

func (reason Skip) Error() string { return string(reason) }

func names(variable string) map[string]bool {
	set := map[string]bool{}
	for _, name := range strings.Split(os.Getenv(variable), ",") {
		if name != "" {
			set[name] = true
		}
	}
	return set
}

// Run runs the checks in order, prints one line each and the counts, and leaves with 1 if any failed.
// ONLY=a,b chooses some, SKIP=c leaves out.
func Run(checks []Check) {
	only, leftOut := names("ONLY"), names("SKIP")
	passed, failed, skipped := 0, 0, 0
	for _, check := range checks {
		if len(only) > 0 && !only[check.Name] || leftOut[check.Name] {
			continue
		}
		started := time.Now()
		err := check.Body()
		var skip Skip
		switch {
		case err == nil:
			passed++
			fmt.Printf("PASS %s (%.1f s)\n", check.Name, time.Since(started).Seconds())
		case errors.As(err, &skip):
			skipped++
			fmt.Printf("SKIP %s: %s\n", check.Name, skip)
		default:
			failed++
			reason := strings.Join(strings.Fields(err.Error()), " ")
			if len(reason) > reasonCharsMax {
				reason = reason[:reasonCharsMax]
			}
			fmt.Printf("FAIL %s: %s\n", check.Name, reason)
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 {
		os.Exit(1)
	}
}

// Equal fails with both values when they differ.
func Equal(what string, got, wanted any) error {
	if reflect.DeepEqual(got, wanted) {
		return nil
	}
	return fmt.Errorf("%s: got %v, wanted %v", what, got, wanted)
}

// Until asks again until the probe is satisfied, fails, or time is up.
func Until(what string, probe func() (bool, error)) error {
	deadline := time.Now().Add(Wait)
	for {
		done, err := probe()
		if err != nil || done {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s", what, Wait)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
