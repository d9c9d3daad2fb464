package aws

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
)

// wireError is an error as it goes over the wire. AWS writes the message's
// name with a small letter where an error is not of the service's own model.
type wireError struct {
	kind    string
	message string
	status  int
	lower   bool
}

func (e *wireError) Error() string { return e.kind + ": " + e.message }

var errTooLarge = &wireError{kind: "RequestEntityTooLargeException", message: "The request is too large.", status: http.StatusRequestEntityTooLarge, lower: true}

var errUnknownOperation = &wireError{kind: "UnknownOperationException", status: http.StatusBadRequest}

// wire is how each code goes over the wire.
var wire = map[fault.Code]wireError{
	fault.Internal:        {kind: "InternalServiceError", status: http.StatusInternalServerError},
	fault.NotFound:        {kind: "ResourceNotFoundException", status: http.StatusBadRequest},
	fault.Exists:          {kind: "ResourceExistsException", status: http.StatusBadRequest},
	fault.Unauthenticated: {kind: "UnrecognizedClientException", status: http.StatusBadRequest, lower: true},
	fault.Denied:          {kind: "AccessDeniedException", status: http.StatusBadRequest},
	fault.Invalid:         {kind: "InvalidParameterException", status: http.StatusBadRequest},
	fault.TooLarge:        {kind: "InvalidParameterException", status: http.StatusBadRequest},
	fault.Unsupported:     {kind: "InvalidRequestException", status: http.StatusBadRequest},
	fault.Conflict:        {kind: "InvalidRequestException", status: http.StatusBadRequest},
	fault.Deleted:         {kind: "InvalidRequestException", status: http.StatusBadRequest},
	fault.Limit:           {kind: "LimitExceededException", status: http.StatusBadRequest},
	fault.Throttled:       {kind: "ThrottlingException", status: http.StatusBadRequest, lower: true},
	fault.Sealed:          {kind: "InternalServiceError", status: http.StatusServiceUnavailable},
	fault.Unavailable:     {kind: "InternalServiceError", status: http.StatusServiceUnavailable},
	fault.EngineFailed:    {kind: "InternalServiceError", status: http.StatusInternalServerError},
}

// jsonCauses are the kinds of faults that have a name of their own.
var jsonCauses = map[error]string{
	identity.ErrExpired:         "ExpiredTokenException",
	identity.ErrMalformedPolicy: "MalformedPolicyDocumentException",
	core.ErrMalformedPolicy:     "MalformedPolicyDocumentException",
	core.ErrBadMark:             "InvalidNextTokenException",
	core.ErrPublicPolicy:        "PublicPolicyException",
}

// toWire makes a wire error of any error. Of what is unforeseen no detail goes
// out.
func (q *request) toWire(err error) *wireError {
	if e, ok := errors.AsType[*wireError](err); ok {
		return e
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = fault.Wrap(fault.Internal, err, "")
	}
	e := wire[f.Code]
	for cause, kind := range jsonCauses {
		if errors.Is(err, cause) {
			e.kind = kind
		}
	}
	e.message = f.Message
	switch f.Code {
	case fault.Internal:
		e.message = "An error occurred on the server side."
	case fault.Denied:
		e.message = q.denied(f)
	}
	return &e
}

// kinds are AWS's words for the layers of policies.
var kinds = map[policy.Layer]string{
	policy.Identity: "identity-based policy", policy.Boundary: "permissions boundary",
	policy.Session: "session policy", policy.Resource: "resource-based policy",
}

// denied is AWS's text of a refusal.
func (q *request) denied(f *fault.Error) string {
	r, ok := errors.AsType[*policy.Refusal](f)
	if !ok {
		return f.Message
	}
	action := arn.Action(r.Verb)
	on := ""
	if q.given != "" {
		on = " on resource: " + q.given
	}
	kind := kinds[r.Layer]
	if !r.Explicit {
		return fmt.Sprintf("User: %s is not authorized to perform: %s%s because no %s allows the %s action", q.who.Principal, action, on, kind, action)
	}
	article := "a"
	if r.Layer == policy.Identity {
		article = "an"
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s%s with an explicit deny in %s %s", q.who.Principal, action, on, article, kind)
}

// writeError sends an error.
func writeError(w http.ResponseWriter, q *request, x *door.Exchange, err error) {
	e := q.toWire(err)
	x.Outcome = e.kind
	write(w, e.status, func(o *object) {
		member := "Message"
		if e.lower {
			member = "message"
		}
		o.str("__type", e.kind)
		if e.message != "" {
			o.str(member, e.message)
		}
	})
}
