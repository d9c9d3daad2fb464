//go:build !crashpoints

package main

import "github.com/strongroom-dev/strongroom/internal/secret"

// crashPoint is nothing but in the tests of crashes.
var crashPoint func(secret.Step, string)
