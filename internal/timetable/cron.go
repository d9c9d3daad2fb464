package timetable

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cron is the days and the hours of an expression; minutes are zero and years
// are all.
type cron struct {
	hours, months uint64 // bit n for n
	monthDays     uint64
	weekDays      uint64            // bit 0 for Sunday
	special       func(d date) bool // days by L, W and #; may be nil
}

// date is a day with what the fields ask of it.
type date struct {
	day, last int // of the month, and of its last day
	weekday   int // 0 for Sunday
}

// field is one of an expression's fields.
type field struct {
	what        string
	least, most int
	names       []string // of least, least+1…
}

var (
	hourField  = field{"the hours", 0, 23, nil}
	dayField   = field{"the day of the month", 1, 31, nil}
	monthField = field{"the month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	weekField  = field{"the day of the week", 1, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
)

func parseCron(text string) (*cron, error) {
	f := strings.Fields(text)
	switch {
	case len(f) != 6:
		return nil, fmt.Errorf("it has %d fields, not 6", len(f))
	case f[0] != "0":
		return nil, errors.New("the minutes must be 0")
	case f[5] != "*":
		return nil, errors.New("the year must be *")
	case (f[2] == "?") == (f[4] == "?"):
		return nil, errors.New("just one of the day of the month and the day of the week must be ?")
	}
	c := &cron{}
	var err error
	if c.hours, err = hourField.set(f[1]); err != nil {
		return nil, err
	}
	if c.months, err = monthField.set(f[3]); err != nil {
		return nil, err
	}
	if f[4] == "?" {
		return c, c.parseMonthDays(f[2])
	}
	return c, c.parseWeekDays(f[4])
}

// set reads a list of numbers, ranges and steps.
func (f field) set(text string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		every, from, to := 1, f.least, f.most
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 || n > f.most {
				return 0, f.bad(part)
			}
			every = n
		}
		if span != "*" && !(stepped && span == "") {
			low, high, ranged := strings.Cut(span, "-")
			var ok1, ok2 bool
			from, ok1 = f.number(low)
			if to, ok2 = from, true; ranged {
				to, ok2 = f.number(high)
			} else if stepped {
				to = f.most
			}
			if !ok1 || !ok2 || from > to {
				return 0, f.bad(part)
			}
		}
		for n := from; n <= to; n += every {
			set |= 1 << n
		}
	}
	return set, nil
}

func (f field) number(text string) (int, bool) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.least + i, true
		}
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= f.least && n <= f.most && text[0] != '+'
}

func (f field) bad(part string) error {
	return fmt.Errorf("%q is not right for %s, which is %d to %d", part, f.what, f.least, f.most)
}

// parseMonthDays reads also L, L-3, LW and 15W.
func (c *cron) parseMonthDays(text string) (err error) {
	upper := strings.ToUpper(text)
	switch near, isNear := strings.CutSuffix(upper, "W"); {
	case upper == "L":
		c.special = func(d date) bool { return d.day == d.last }
	case upper == "LW":
		c.special = func(d date) bool { return d.isNearest(d.last) }
	case strings.HasPrefix(upper, "L-"):
		n, err := strconv.Atoi(upper[2:])
		if err != nil || n < 0 || n > 30 {
			return dayField.bad(text)
		}
		c.special = func(d date) bool { return d.day == d.last-n }
	case isNear:
		n, ok := dayField.number(near)
		if !ok {
			return dayField.bad(text)
		}
		c.special = func(d date) bool { return n <= d.last && d.isNearest(n) }
	default:
		c.monthDays, err = dayField.set(text)
	}
	return err
}

// isNearest reports whether d is the weekday nearest to a day of the same
// month.
func (d date) isNearest(day int) bool {
	if d.weekday == 0 || d.weekday == 6 {
		return false
	}
	switch weekday := ((d.weekday+day-d.day)%7 + 7) % 7; {
	case weekday == 6 && day > 1: // a Saturday: the Friday before
		day--
	case weekday == 6: // which is in another month: the Monday after
		day += 2
	case weekday == 0 && day < d.last: // a Sunday: the Monday after
		day++
	case weekday == 0:
		day -= 2
	}
	return d.day == day
}

// parseWeekDays reads also L (the Saturday), 6L (the month's last Friday) and
// 3#2 (its second Tuesday).
func (c *cron) parseWeekDays(text string) error {
	upper := strings.ToUpper(text)
	if upper == "L" {
		upper = "SAT"
	}
	if name, ok := strings.CutSuffix(upper, "L"); ok {
		n, ok := weekField.number(name)
		if !ok {
			return weekField.bad(text)
		}
		c.special = func(d date) bool { return d.weekday == n-1 && d.day > d.last-7 }
		return nil
	}
	if name, which, ok := strings.Cut(upper, "#"); ok {
		n, ok1 := weekField.number(name)
		nth, err := strconv.Atoi(which)
		if !ok1 || err != nil || nth < 1 || nth > 5 {
			return weekField.bad(text)
		}
		c.special = func(d date) bool { return d.weekday == n-1 && (d.day-1)/7 == nth-1 }
		return nil
	}
	set, err := weekField.set(upper)
	c.weekDays = set >> 1
	return err
}

func (c *cron) on(t time.Time) bool {
	if c.months&(1<<t.Month()) == 0 {
		return false
	}
	d := date{day: t.Day(), last: time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day(), weekday: int(t.Weekday())}
	if c.special != nil {
		return c.special(d)
	}
	return c.monthDays&(1<<d.day) != 0 || c.weekDays&(1<<d.weekday) != 0
}

// horizon is how far next looks: past any leap day.
const horizon = 9 * 366

// next is the first hour after that time; the zero time if there is none.
func (c *cron) next(after time.Time) time.Time {
	from := after.Truncate(time.Hour).Add(time.Hour)
	for d, n := midnight(from), 0; n < horizon; d, n = d.Add(day), n+1 {
		if !c.on(d) {
			continue
		}
		for h := range 24 {
			if at := d.Add(time.Duration(h) * time.Hour); c.hours&(1<<h) != 0 && !at.Before(from) {
				return at
			}
		}
	}
	return time.Time{}
}

// closest is the shortest time between two hours of the timetable.
func (c *cron) closest() time.Duration {
	least, last := time.Duration(1<<63-1), c.next(epoch)
	for range 200 {
		at := c.next(last)
		if at.IsZero() {
			break
		}
		least, last = min(least, at.Sub(last)), at
	}
	return least
}

func (c *cron) severalADay() bool { return c.hours&(c.hours-1) != 0 }
