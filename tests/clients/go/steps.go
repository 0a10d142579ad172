package main

// The steps of the script, by what they do (tests/clients/README.md, "Steps").

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

const (
	hangGuard   = 60 * time.Second
	concurrency = 64
)

// statement is one of a batch; Bind has `[type, value]` for each marker.
type statement struct {
	CQL  string   `json:"cql"`
	Bind [][2]any `json:"bind"`
}

type filled struct {
	Partitions int `json:"partitions"`
	Rows       int `json:"rows"`
}

type oneCase struct {
	Literal   string  `json:"literal"`
	Hex       *string `json:"hex"`
	Value     any     `json:"value"`
	SizeBytes int     `json:"size_bytes"`
}

// step is any step of the script. What has another form in one kind of step than in another stays as it was read.
type step struct {
	ID                string          `json:"id"`
	Do                string          `json:"do"`
	CQL               string          `json:"cql"`
	Name              string          `json:"name"`
	Error             string          `json:"error"`
	Consistency       string          `json:"consistency"`
	Columns           json.RawMessage `json:"columns"`
	Rows              json.RawMessage `json:"rows"`
	Bind              json.RawMessage `json:"bind"`
	Types             []string        `json:"types"`
	Type              string          `json:"type"`
	Create            string          `json:"create"`
	Table             string          `json:"table"`
	AsBlob            string          `json:"as_blob"`
	Filter            bool            `json:"filter"`
	Cases             []oneCase       `json:"cases"`
	Values            []any           `json:"values"`
	Keyspace          string          `json:"keyspace"`
	ReplicationClass  string          `json:"replication_class"`
	ReplicationFactor string          `json:"replication_factor"`
	PartitionKey      []string        `json:"partition_key"`
	ClusteringKey     [][2]string     `json:"clustering_key"`
	Static            []string        `json:"static"`
	Partitions        int             `json:"partitions"`
	PageSize          int             `json:"page_size"`
	PagesMin          int             `json:"pages_min"`
	Filled            *filled         `json:"filled"`
	Resume            bool            `json:"resume"`
	Kind              string          `json:"kind"`
	Timestamp         string          `json:"timestamp"`
	Statements        []statement     `json:"statements"`
	Column            string          `json:"column"`
	Present           bool            `json:"present"`
	Insert            string          `json:"insert"`
	Select            string          `json:"select"`
	Replicas          int             `json:"replicas"`
	Keys              [][]any         `json:"keys"`
}

// answer is what a step wants of a result: columns as `[name, type]`, and rows of forms.
type answer struct {
	columns [][2]string
	rows    [][]any
}

func (s step) answer() (*answer, error) {
	if s.Columns == nil {
		return nil, nil
	}
	var wanted answer
	if err := json.Unmarshal(s.Columns, &wanted.columns); err != nil {
		return nil, err
	}
	return &wanted, json.Unmarshal(s.Rows, &wanted.rows)
}

func (a answer) newRow() []column {
	row := make([]column, len(a.columns))
	for at, one := range a.columns {
		row[at] = newColumn(one[1])
	}
	return row
}

func places(row []column) []any {
	var all []any
	for _, one := range row {
		all = append(all, one.places...)
	}
	return all
}

func values(row []column) []any {
	all := make([]any, len(row))
	for at, one := range row {
		all[at] = one.value()
	}
	return all
}

func (a answer) compare(rows [][]column) error {
	same := len(rows) == len(a.rows)
	for at := 0; same && at < len(rows); at++ {
		for n, one := range rows[at] {
			same = same && one.equal(a.rows[at][n])
		}
	}
	if same {
		return nil
	}
	var shown []any
	for _, row := range rows {
		shown = append(shown, values(row))
	}
	return fmt.Errorf("rows %v instead of %v", shown, a.rows)
}

// steps is what they keep from one to the next.
type steps struct {
	session  *connection
	observer *connection
	prepared map[string]string
}

func newSteps(session *connection) *steps {
	return &steps{session: session, prepared: map[string]string{}}
}

func (s *steps) close() error {
	if s.observer != nil {
		s.observer.Session.Close()
	}
	return s.session.close()
}

func (s *steps) carryOut(one step) error {
	switch one.Do {
	case "execute":
		return s.wanted(one, func() error { return s.checked(one, s.simple(one, one.CQL)) })
	case "prepare":
		s.prepared[one.Name] = one.CQL
		return s.wanted(one, func() error {
			_, err := s.session.StatementMetadata(context.Background(), one.CQL, "")
			return err
		})
	case "run":
		return s.run(one)
	case "nodes":
		return s.nodes()
	case "keyspace":
		return s.keyspace(one)
	case "table":
		return s.table(one)
	case "keys":
		return s.keys(one)
	case "fill":
		return s.fill(one)
	case "page":
		return s.page(one)
	case "batch":
		return s.wanted(one, func() error { return s.batch(one) })
	case "event":
		return s.event(one)
	case "tokens":
		return s.tokens(one)
	case "routed":
		return s.routed(one)
	default:
		return fmt.Errorf("unknown step %q", one.Do)
	}
}

func (s *steps) carryOutCase(one step, number int, of oneCase) error {
	switch one.Do {
	case "type":
		return s.typeCase(one, number, of)
	case "large":
		return s.large(one, number, of)
	default:
		return fmt.Errorf("unknown step %q", one.Do)
	}
}

// simple has no values. The driver prepares every SELECT, INSERT, UPDATE, DELETE and BATCH nevertheless.
func (s *steps) simple(one step, cql string) *gocql.Query {
	return s.at(one, s.session.Query(cql))
}

func (s *steps) at(one step, query *gocql.Query) *gocql.Query {
	if one.Consistency != "" {
		query = query.Consistency(gocql.ParseConsistency(one.Consistency))
	}
	return query
}

// wanted runs `action` and checks its error, if the step wants one.
func (s *steps) wanted(one step, action func() error) error {
	err := action()
	if one.Error == "" {
		return err
	}
	if err == nil {
		return fmt.Errorf("no error instead of %s", one.Error)
	}
	code, parseErr := strconv.ParseInt(one.Error, 0, 32)
	if parseErr != nil {
		return parseErr
	}
	if codeOf(err) != int(code) {
		return fmt.Errorf("error %#06x instead of %s: %w", codeOf(err), one.Error, err)
	}
	return nil
}

// checked runs the query and holds its answer against what the step wants.
func (s *steps) checked(one step, query *gocql.Query) error {
	wanted, err := one.answer()
	if err != nil {
		return err
	}
	if wanted == nil {
		return query.Exec()
	}
	iter := query.Iter()
	var names, wantedNames []string
	for _, info := range iter.Columns() {
		names = append(names, info.Name)
	}
	var rows [][]column
	row := wanted.newRow()
	for ; iter.Scan(places(row)...); row = wanted.newRow() {
		rows = append(rows, row)
	}
	if err := iter.Close(); err != nil {
		return err
	}
	for _, one := range wanted.columns {
		wantedNames = append(wantedNames, one[0])
	}
	if !reflect.DeepEqual(names, wantedNames) {
		return fmt.Errorf("columns %v instead of %v", names, wantedNames)
	}
	return wanted.compare(rows)
}

// run lets the driver prepare the text again, or not: it keeps what it prepared by text.
func (s *steps) run(one step) error {
	var binds [][2]any
	if err := json.Unmarshal(one.Bind, &binds); err != nil {
		return err
	}
	bindings, err := boundAll(binds)
	if err != nil {
		return err
	}
	return s.wanted(one, func() error {
		return s.checked(one, s.at(one, s.session.Query(s.prepared[one.Name], bindings...)))
	})
}

func boundAll(binds [][2]any) ([]any, error) {
	all := make([]any, len(binds))
	for at, bind := range binds {
		var err error
		if all[at], err = bound(bind[0].(string), bind[1]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *steps) typeCase(one step, number int, of oneCase) error {
	literal := fmt.Sprintf("INSERT INTO %s (k, v) VALUES (%d, %s)", one.Table, number, of.Literal)
	if err := s.simple(one, literal).Exec(); err != nil {
		return fmt.Errorf("literal: %w", err)
	}
	value, err := bound(one.Type, of.Value)
	if err != nil {
		return err
	}
	insert := fmt.Sprintf("INSERT INTO %s (k, v) VALUES (?, ?)", one.Table)
	if err := s.session.Query(insert, 1000+number, value).Exec(); err != nil {
		return fmt.Errorf("bound: %w", err)
	}
	for _, way := range []string{"literal", "bound"} {
		if err := s.readBack(one, of, number); err != nil {
			return fmt.Errorf("%s: %w", way, err)
		}
		number += 1000
	}
	return nil
}

func (s *steps) readBack(one step, of oneCase, key int) error {
	v := newColumn(one.Type)
	if err := s.session.Query(fmt.Sprintf("SELECT v FROM %s WHERE k = ?", one.Table), key).Scan(v.places...); err != nil {
		return err
	}
	if !v.equal(of.Value) {
		return fmt.Errorf("%v instead of %v", v.value(), of.Value)
	}
	if one.AsBlob != "" {
		var raw *[]byte
		cql := fmt.Sprintf("SELECT %s(v) AS b FROM %s WHERE k = ?", one.AsBlob, one.Table)
		if err := s.session.Query(cql, key).Scan(&raw); err != nil {
			return err
		}
		if (raw == nil) != (of.Hex == nil) || raw != nil && hex.EncodeToString(*raw) != *of.Hex {
			return fmt.Errorf("bytes %v instead of %v", raw, of.Hex)
		}
	}
	if one.Filter && of.Value != nil {
		where := fmt.Sprintf("k = %d AND v = %s ALLOW FILTERING", key, of.Literal)
		found := 0
		if err := s.simple(one, fmt.Sprintf("SELECT k FROM %s WHERE %s", one.Table, where)).Scan(&found); err != nil {
			return fmt.Errorf("by %s: %w", where, err)
		}
	}
	return nil
}

func (s *steps) keys(one step) error {
	if err := s.simple(one, one.Create).Exec(); err != nil {
		return err
	}
	insert := fmt.Sprintf("INSERT INTO %s (p, c) VALUES (?, ?)", one.Table)
	first, err := bound(one.Type, one.Values[0])
	if err != nil {
		return err
	}
	for _, form := range one.Values {
		value, err := bound(one.Type, form)
		if err != nil {
			return err
		}
		for _, partition := range []any{first, value} {
			if err := s.session.Query(insert, partition, value).Exec(); err != nil {
				return fmt.Errorf("%v: %w", form, err)
			}
		}
	}
	for _, form := range one.Values {
		if err := s.findKey(one, form); err != nil {
			return fmt.Errorf("%v: %w", form, err)
		}
	}
	return nil
}

func (s *steps) findKey(one step, form any) error {
	value, err := bound(one.Type, form)
	if err != nil {
		return err
	}
	iter := s.session.Query(fmt.Sprintf("SELECT p, c FROM %s WHERE p = ? AND c = ?", one.Table), value, value).Iter()
	row := []column{newColumn(one.Type), newColumn(one.Type)}
	found := iter.Scan(places(row)...)
	if rows := iter.NumRows(); !found || rows != 1 {
		return fmt.Errorf("%d rows (%w)", rows, iter.Close())
	}
	if !row[0].equal(form) || !row[1].equal(form) {
		return fmt.Errorf("%v came back", values(row))
	}
	return iter.Close()
}

func (s *steps) large(one step, number int, of oneCase) error {
	if number == 0 {
		if err := s.simple(one, one.Create).Exec(); err != nil {
			return err
		}
	}
	value := make([]byte, of.SizeBytes)
	for i := range value {
		value[i] = byte(i * 31 % 251)
	}
	insert := fmt.Sprintf("INSERT INTO %s (k, v) VALUES (?, ?)", one.Table)
	if err := s.session.Query(insert, number, value).Exec(); err != nil {
		return err
	}
	var back []byte
	if err := s.session.Query(fmt.Sprintf("SELECT v FROM %s WHERE k = ?", one.Table), number).Scan(&back); err != nil {
		return err
	}
	if !bytes.Equal(back, value) {
		return fmt.Errorf("another value came back, of %d bytes", len(back))
	}
	return nil
}

// concurrently executes the statement with each of `all`; its error is the first of any.
func (s *steps) concurrently(cql string, all [][]any) error {
	work := make(chan []any)
	var first error
	var once sync.Once
	var workers sync.WaitGroup
	for range concurrency {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for one := range work {
				if err := s.session.Query(cql, one...).Exec(); err != nil {
					once.Do(func() { first = err })
				}
			}
		}()
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	workers.Wait()
	return first
}

func (s *steps) batch(one step) error {
	kind := gocql.UnloggedBatch
	if one.Kind == "logged" {
		kind = gocql.LoggedBatch
	}
	batch := s.session.Batch(kind)
	if one.Timestamp != "" {
		micros, err := strconv.ParseInt(one.Timestamp, 10, 64)
		if err != nil {
			return err
		}
		batch = batch.WithTimestamp(micros)
	}
	for _, statement := range one.Statements {
		bindings, err := boundAll(statement.Bind)
		if err != nil {
			return err
		}
		batch = batch.Query(statement.CQL, bindings...)
	}
	return batch.Exec()
}
