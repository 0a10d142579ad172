package main

// The steps with many rows: filling a table and reading it by pages.

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

func (s *steps) fill(one step) error {
	var rows int
	if err := json.Unmarshal(one.Rows, &rows); err != nil {
		return err
	}
	var all [][]any
	for p := range one.Partitions {
		for c := range rows {
			all = append(all, []any{p, c, fmt.Sprintf("%d-%d", p, c)})
		}
	}
	return s.concurrently(one.CQL, all)
}

// page counts pages by where the driver goes on to the next, or, with `resume`, makes each a query of its own.
func (s *steps) page(one step) error {
	wanted, err := one.answer()
	if err != nil {
		return err
	}
	if one.Filled != nil {
		wanted = &answer{columns: [][2]string{{"p", "int"}, {"c", "int"}, {"v", "text"}}}
	}
	read := readOn
	if one.Resume {
		read = s.resume
	}
	rows, pages, err := read(s.simple(one, one.CQL).PageSize(one.PageSize), one, wanted)
	if err != nil {
		return err
	}
	if pages < one.PagesMin {
		return fmt.Errorf("%d pages", pages)
	}
	if one.Filled != nil {
		return compareFilled(*one.Filled, rows)
	}
	return wanted.compare(rows)
}

func readOn(query *gocql.Query, _ step, wanted *answer) (rows [][]column, pages int, err error) {
	iter := query.Iter()
	for {
		newPage := len(rows) == 0 || iter.WillSwitchPage()
		row := wanted.newRow()
		if !iter.Scan(places(row)...) {
			return rows, pages, iter.Close()
		}
		rows = append(rows, row)
		if newPage {
			pages++
		}
	}
}

func (s *steps) resume(_ *gocql.Query, one step, wanted *answer) (rows [][]column, pages int, err error) {
	var state []byte
	for {
		iter := s.simple(one, one.CQL).PageSize(one.PageSize).PageState(state).Iter()
		state = iter.PageState()
		if iter.NumRows() > 0 {
			pages++
		}
		for row := wanted.newRow(); iter.Scan(places(row)...); row = wanted.newRow() {
			rows = append(rows, row)
		}
		if err := iter.Close(); err != nil || len(state) == 0 {
			return rows, pages, err
		}
	}
}

func compareFilled(all filled, rows [][]column) error {
	found := make([][]any, len(rows))
	for at, row := range rows {
		found[at] = values(row)
	}
	// A stable sort by partition: within each, the rows have to be in order already.
	sort.SliceStable(found, func(a, b int) bool { return found[a][0].(int32) < found[b][0].(int32) })
	var wanted [][]any
	for p := range all.Partitions {
		for c := range all.Rows {
			wanted = append(wanted, []any{int32(p), int32(c), fmt.Sprintf("%d-%d", p, c)})
		}
	}
	if !reflect.DeepEqual(found, wanted) {
		return fmt.Errorf("%d rows, or others than were written", len(rows))
	}
	return nil
}
