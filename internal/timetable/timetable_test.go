package timetable_test

import (
	"strings"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/timetable"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02T15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestWindows(t *testing.T) {
	const after = "2026-09-24T10:20" // a Thursday
	for _, c := range []struct {
		rules       secret.RotationRules
		open, close string
		days        int
	}{
		{secret.RotationRules{Days: 30}, "2026-10-24T00:00", "2026-10-25T00:00", 30},
		{secret.RotationRules{Days: 1, Duration: "2h"}, "2026-09-25T00:00", "2026-09-25T02:00", 1},
		{secret.RotationRules{Expression: "rate(10 days)"}, "2026-10-04T00:00", "2026-10-05T00:00", 10},
		{secret.RotationRules{Expression: "rate(1 day)"}, "2026-09-25T00:00", "2026-09-26T00:00", 1},
		{secret.RotationRules{Expression: "rate(4 hours)"}, "2026-09-24T14:00", "2026-09-24T15:00", 1},
		{secret.RotationRules{Expression: "rate(12 hours)", Duration: "6h"}, "2026-09-24T22:00", "2026-09-25T04:00", 1},
		{secret.RotationRules{Expression: "cron(0 /8 * * ? *)"}, "2026-09-24T16:00", "2026-09-24T17:00", 1},
		{secret.RotationRules{Expression: "cron(0 8,20 ? * MON-FRI *)"}, "2026-09-24T20:00", "2026-09-24T21:00", 1},
		{secret.RotationRules{Expression: "cron(0 16 1,15 * ? *)", Duration: "3h"}, "2026-10-01T16:00", "2026-10-01T19:00", 14},
		{secret.RotationRules{Expression: "cron(0 0 L * ? *)"}, "2026-09-30T00:00", "2026-10-01T00:00", 29},
		{secret.RotationRules{Expression: "cron(0 4 L-2 * ? *)"}, "2026-09-28T04:00", "2026-09-29T00:00", 29},
		{secret.RotationRules{Expression: "cron(0 4 LW 10 ? *)"}, "2026-10-30T04:00", "2026-10-31T00:00", 365},
		{secret.RotationRules{Expression: "cron(0 4 3W * ? *)"}, "2026-10-02T04:00", "2026-10-03T00:00", 30},   // the 3rd is a Saturday
		{secret.RotationRules{Expression: "cron(0 4 1W 11 ? *)"}, "2026-11-02T04:00", "2026-11-03T00:00", 367}, // the 1st is a Sunday
		{secret.RotationRules{Expression: "cron(0 4 1W 8 ? *)"}, "2027-08-02T04:00", "2027-08-03T00:00", 365},
		{secret.RotationRules{Expression: "cron(0 4 31W 1 ? *)"}, "2027-01-29T04:00", "2027-01-30T00:00", 366}, // the 31st is a Sunday
		{secret.RotationRules{Expression: "cron(0 8 ? 1/3 2#1 *)"}, "2026-10-05T08:00", "2026-10-06T00:00", 91},
		{secret.RotationRules{Expression: "cron(0 0 ? * FRIL *)"}, "2026-09-25T00:00", "2026-09-26T00:00", 28},
		{secret.RotationRules{Expression: "cron(0 0 ? * L *)"}, "2026-09-26T00:00", "2026-09-27T00:00", 7},
		{secret.RotationRules{Expression: "cron(0 0 29 FEB ? *)"}, "2028-02-29T00:00", "2028-03-01T00:00", 1461},
		{secret.RotationRules{Expression: "cron(0 10 24 9 ? *)"}, "2027-09-24T10:00", "2027-09-25T00:00", 365},
	} {
		table, err := timetable.Parse(c.rules)
		if err != nil {
			t.Errorf("%+v: %v", c.rules, err)
			continue
		}
		w := table.Next(at(after))
		if !w.Open.Equal(at(c.open)) || !w.Close.Equal(at(c.close)) || table.Days() != c.days {
			t.Errorf("%+v: %s to %s, %d days", c.rules, w.Open, w.Close, table.Days())
		}
	}
	none, err := timetable.Parse(secret.RotationRules{})
	if err != nil || !none.IsZero() || !none.Next(at(after)).Open.IsZero() || none.Days() != 0 {
		t.Error("no rules", none, err)
	}
}

func TestBadRules(t *testing.T) {
	for rules, want := range map[secret.RotationRules]string{
		{Days: 3, Expression: "rate(3 days)"}:              "both",
		{Days: 1001}:                                       "between 1 and 1000",
		{Days: -1}:                                         "between 1 and 1000",
		{Duration: "3h"}:                                   "needs",
		{Expression: "rate(3 hours)"}:                      "every 4 hours",
		{Expression: "rate(0 days)"}:                       "between 1 and 999",
		{Expression: "rate(1000 days)"}:                    "between 1 and 999",
		{Expression: "rate(3 weeks)"}:                      "it is rate(N hours)",
		{Expression: "cron(0 0 * * ?)"}:                    "5 fields",
		{Expression: "cron(5 0 * * ? *)"}:                  "minutes",
		{Expression: "cron(0 0 * * ? 2027)"}:               "year",
		{Expression: "cron(0 0 * * * *)"}:                  "just one",
		{Expression: "cron(0 0 ? * ? *)"}:                  "just one",
		{Expression: "cron(0 24 * * ? *)"}:                 `"24" is not right for the hours`,
		{Expression: "cron(0 0 32 * ? *)"}:                 `"32"`,
		{Expression: "cron(0 0 5-2 * ? *)"}:                `"5-2"`,
		{Expression: "cron(0 0 */0 * ? *)"}:                `"*/0"`,
		{Expression: "cron(0 0 ? * 8 *)"}:                  `"8"`,
		{Expression: "cron(0 0 ? * 2#6 *)"}:                `"2#6"`,
		{Expression: "cron(0 0 0W * ? *)"}:                 `"0W"`,
		{Expression: "cron(0 0 31 2 ? *)"}:                 "no day is ever",
		{Expression: "cron(0 * * * ? *)"}:                  "every 4 hours",
		{Expression: "cron(0 1,23 * * ? *)"}:               "every 4 hours",
		{Expression: "cron(0 , * * ? *)"}:                  `""`,
		{Days: 3, Duration: "3"}:                           "number of hours",
		{Days: 3, Duration: "25h"}:                         "1 to 24",
		{Days: 3, Duration: "0h"}:                          "1 to 24",
		{Expression: "rate(4 hours)", Duration: "5h"}:      "next one",
		{Expression: "cron(0 20 * * ? *)", Duration: "5h"}: "next day",
		{Expression: "cron(0 /8 * * ? *)", Duration: "9h"}: "next one",
	} {
		if _, err := timetable.Parse(rules); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", rules, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"rate(7 days)", "cron(0 8 ? * 2#1 *)", "cron(0 0 LW * ? *)", "cron(0 /8 15W JAN-MAR ? *)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		table, err := timetable.Parse(secret.RotationRules{Expression: expression})
		if err != nil || table.IsZero() {
			return
		}
		from := at("2026-09-24T10:20")
		first := table.Next(from)
		second := table.Next(first.Open)
		if !first.Open.After(from) || !first.Close.After(first.Open) || second.Open.Sub(first.Open) < timetable.Shortest {
			t.Errorf("%s: %v, %v", expression, first, second)
		}
	})
}
