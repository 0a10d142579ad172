// Carries out tests/clients/script.json with gocql; tests/clients/README.md is the contract.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

const codeInvalid = 0x2200

type script struct {
	Refused map[string]string            `json:"refused"`
	Skipped map[string]map[string]string `json:"skipped"`
	Steps   []step                       `json:"steps"`
}

// runner reports each step on standard output.
type runner struct {
	script   script
	skipped  map[string]string
	steps    *steps
	failures int
}

// listed tells whether the step or one it belongs to stands in the table.
func listed(table map[string]string, id string) bool {
	for entry := range table {
		if id == entry || strings.HasPrefix(id, entry+"/") {
			return true
		}
	}
	return false
}

// codeOf is the code of the server's error, 0 if the error is not the server's.
func codeOf(err error) int {
	var refusal gocql.RequestError
	if errors.As(err, &refusal) {
		return refusal.Code()
	}
	return 0
}

func (r *runner) report(id string, err error) {
	if err != nil {
		r.failures++
		fmt.Printf("failed %s: %s\n", id, strings.Join(strings.Fields(err.Error()), " "))
	} else {
		fmt.Printf("ok %s\n", id)
	}
}

func (r *runner) refused(one step) {
	var err error
	if one.Do == "type" {
		err = r.steps.simple(one, one.Create).Exec()
	} else {
		err = r.steps.carryOut(one)
	}
	switch {
	case err == nil:
		r.report(one.ID, errors.New("it is not refused"))
	case codeOf(err) == codeInvalid:
		fmt.Printf("refused %s\n", one.ID)
	default:
		r.report(one.ID, err)
	}
}

func (r *runner) cases(one step) {
	if one.Do == "type" {
		// Where this fails, each case will, and say so.
		if err := r.steps.simple(one, one.Create).Exec(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	for number, kase := range one.Cases {
		r.report(fmt.Sprintf("%s/%d", one.ID, number), r.steps.carryOutCase(one, number, kase))
	}
}

func (r *runner) run() {
	for _, one := range r.script.Steps {
		switch {
		case !strings.HasPrefix(one.ID, os.Getenv("TEST_ONLY")):
		case listed(r.skipped, one.ID):
			fmt.Printf("skipped %s\n", one.ID)
		case listed(r.script.Refused, one.ID):
			r.refused(one)
		case one.Cases != nil:
			r.cases(one)
		default:
			r.report(one.ID, r.steps.carryOut(one))
		}
	}
}

func carryOutScript() error {
	text, err := os.ReadFile(os.Getenv("TEST_SCRIPT"))
	if err != nil {
		return err
	}
	var read script
	named := strings.ReplaceAll(string(text), "${keyspace}", os.Getenv("TEST_KEYSPACE"))
	if err := json.Unmarshal([]byte(named), &read); err != nil {
		return err
	}
	connection, err := connect(tokenAware())
	if err != nil {
		return err
	}
	all := runner{script: read, skipped: read.Skipped[os.Getenv("TEST_CLIENT")], steps: newSteps(connection)}
	all.run()
	if err := all.steps.close(); err != nil {
		return err
	}
	if all.failures > 0 {
		return fmt.Errorf("%d steps failed", all.failures)
	}
	return nil
}

func main() {
	if err := carryOutScript(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
