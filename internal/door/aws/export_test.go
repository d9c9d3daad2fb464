package aws

import "github.com/strongroom-dev/strongroom/internal/fault"

// WireOf is the wire error of a code.
func WireOf(c fault.Code) (kind string, status int) { return wire[c].kind, wire[c].status }
