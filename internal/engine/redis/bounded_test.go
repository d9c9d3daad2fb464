package redis

import (
	"errors"
	"strings"
	"testing"
)

func TestAnswersAreBounded(t *testing.T) {
	for answer, bad := range map[string]bool{
		"+OK\r\n$5\r\nhello\r\n*2\r\n$1\r\na\r\n:1\r\n%1\r\n+a\r\n+b\r\n": false,
		"$7\r\n%999999\r\n+OK\r\n":                                        false, // inside of a text
		"$-1\r\n*-1\r\n":                                                  false,
		"%100000000000\r\n":                                               true,
		"+OK\r\n*100000000000\r\n":                                        true,
		"$99999999999\r\n":                                                true,
		"*99999999999999999999999\r\n":                                    true,
		"+" + strings.Repeat("x", maxLine):                                true,
	} {
		for _, step := range []int{1, 3, len(answer)} {
			c := &bounded{}
			var err error
			for rest := answer; rest != "" && err == nil; {
				n := min(step, len(rest))
				err = c.follow([]byte(rest[:n]))
				rest = rest[n:]
			}
			if errors.Is(err, errTooMuch) != bad {
				t.Errorf("%.30q in steps of %d: %v", answer, step, err)
			}
		}
	}
}
