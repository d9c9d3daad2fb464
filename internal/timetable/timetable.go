// Package timetable says when rotations are due: the schedule expressions of
// AWS Secrets Manager, rate() and cron() with six fields, and the windows that
// they open. All times are UTC.
//
// It is pure: it asks no clock.
package timetable

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/strongroom-dev/strongroom/internal/secret"
)

const day = 24 * time.Hour

// Shortest is the shortest time between two windows.
const Shortest = 4 * time.Hour

// Window is when a rotation may begin: from Open on and before Close.
type Window struct{ Open, Close time.Time }

// Timetable is rules that hold. The zero Timetable never opens a window. It is
// safe for concurrent use.
type Timetable struct {
	hours    int // of rate()
	days     int // of rate(), or of RotationRules.Days
	cron     *cron
	duration time.Duration // zero for the usual
}

// The forms of rules.
var (
	rateForm     = regexp.MustCompile(`^rate\(\s*([0-9]{1,4})\s+(hours?|days?)\s*\)$`)
	cronForm     = regexp.MustCompile(`^cron\((.*)\)$`)
	durationForm = regexp.MustCompile(`^([0-9]{1,2})h$`)
)

// Parse checks rules. Its errors say what is wrong, for whoever wrote them.
func Parse(r secret.RotationRules) (Timetable, error) {
	var t Timetable
	switch {
	case r.Days != 0 && r.Expression != "":
		return t, errors.New("You can't specify both AutomaticallyAfterDays and ScheduleExpression in RotationRules.") //nolint:revive // the wire's words
	case r.Days == 0 && r.Expression == "":
		if r.Duration != "" {
			return t, errors.New("A Duration needs AutomaticallyAfterDays or a ScheduleExpression.") //nolint:revive // the wire's words
		}
		return t, nil
	case r.Days < 0 || r.Days > 1000:
		return t, errors.New("AutomaticallyAfterDays must be between 1 and 1000.")
	case r.Days > 0:
		t.days = r.Days
	default:
		if err := t.parse(r.Expression); err != nil {
			return Timetable{}, fmt.Errorf("The ScheduleExpression %s is not valid: %w", r.Expression, err) //nolint:revive // the wire's words
		}
	}
	if err := t.parseDuration(r.Duration); err != nil {
		return Timetable{}, err
	}
	return t, nil
}

func (t *Timetable) parse(expression string) error {
	if m := rateForm.FindStringSubmatch(expression); m != nil {
		n, _ := strconv.Atoi(m[1])
		switch hours := m[2][0] == 'h'; {
		case hours && n < int(Shortest/time.Hour):
			return errors.New("a secret rotates every 4 hours at most")
		case n < 1 || n > 999:
			return errors.New("the number must be between 1 and 999")
		case hours:
			t.hours = n
		default:
			t.days = n
		}
		return nil
	}
	m := cronForm.FindStringSubmatch(expression)
	if m == nil {
		return errors.New("it is rate(N hours), rate(N days), or cron(0 HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK *)")
	}
	c, err := parseCron(m[1])
	if err != nil {
		return err
	}
	if c.next(epoch).IsZero() {
		return errors.New("no day is ever like that")
	}
	if c.closest() < Shortest {
		return errors.New("a secret rotates every 4 hours at most")
	}
	t.cron = c
	return nil
}

func (t *Timetable) parseDuration(text string) error {
	if text == "" {
		return nil
	}
	m := durationForm.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("The Duration %s is not valid: it is a number of hours, such as 3h.", text) //nolint:revive // the wire's words
	}
	n, _ := strconv.Atoi(m[1])
	t.duration = time.Duration(n) * time.Hour
	w := t.Next(epoch)
	next := t.Next(w.Open)
	switch {
	case n < 1 || n > 24:
		return fmt.Errorf("The Duration %s is not valid: a window is open for 1 to 24 hours.", text) //nolint:revive // the wire's words
	case t.byHours() && (t.hours > 0 && n > t.hours || t.cron != nil && t.duration > t.cron.closest()):
		return fmt.Errorf("The Duration %s is not valid: the window would reach into the next one.", text) //nolint:revive // the wire's words
	case !t.byHours() && (w.Close.After(midnight(w.Open).Add(day)) || w.Close.After(next.Open)):
		return fmt.Errorf("The Duration %s is not valid: the window would reach into the next day.", text) //nolint:revive // the wire's words
	}
	return nil
}

// byHours: there may be several windows on a day.
func (t *Timetable) byHours() bool { return t.hours > 0 || t.cron != nil && t.cron.severalADay() }

// IsZero reports whether t never opens a window.
func (t Timetable) IsZero() bool { return t == Timetable{} }

// Next is the first window that opens after a rotation at that time. A rate in
// hours counts full hours, a rate in days counts midnights.
func (t Timetable) Next(after time.Time) Window {
	after = after.UTC()
	var w Window
	switch {
	case t.hours > 0:
		w.Open = after.Add(time.Duration(t.hours) * time.Hour).Truncate(time.Hour)
	case t.days > 0:
		w.Open = midnight(after).AddDate(0, 0, t.days)
	case t.cron != nil:
		w.Open = t.cron.next(after)
	default:
		return w
	}
	switch {
	case t.duration > 0:
		w.Close = w.Open.Add(t.duration)
	case t.byHours():
		w.Close = w.Open.Add(time.Hour)
	default:
		w.Close = midnight(w.Open).Add(day)
	}
	return w
}

// Days is about how many days lie between two windows, at least one.
func (t Timetable) Days() int {
	switch {
	case t.days > 0:
		return t.days
	case t.hours > 0:
		return max(1, t.hours/24)
	case t.cron != nil:
		first := t.cron.next(epoch)
		return max(1, int(t.cron.next(first).Sub(first)/day))
	}
	return 0
}

// epoch is a day like any other, to try timetables on.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func midnight(t time.Time) time.Time { return t.Truncate(day) }
