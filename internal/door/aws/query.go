package aws

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// queryService is a service of the Query protocol: forms go in, XML comes out.
// (https://docs.aws.amazon.com/IAM/latest/APIReference/CommonParameters.html)
type queryService struct {
	service
	version   string // of the API: how a request says which service it means
	namespace string
	actions   map[string]queryOperation
}

// queryOperation is one row of a table.
type queryOperation struct {
	verb  secret.Verb
	serve func(q *request, f form) (result any, err error)
	// open: a request needs no signature, for it brings a proof of its own.
	open bool
}

const formType = "application/x-www-form-urlencoded"

// isQuery tells the two protocols apart.
func isQuery(r *http.Request) bool {
	return r.Header.Get("X-Amz-Target") == "" && strings.HasPrefix(r.Header.Get("Content-Type"), formType)
}

var errNoText = errors.New("aws: a member of the form is no UTF-8")

// isText reports whether all of a form is UTF-8.
func isText(values url.Values) bool {
	for name, all := range values {
		for _, v := range all {
			if !utf8.ValidString(v) || !utf8.ValidString(name) {
				return false
			}
		}
	}
	return true
}

// serveQuery answers a request of the Query protocol.
func (d *Door) serveQuery(q *request, r *http.Request, x *door.Exchange) {
	values, err := url.ParseQuery(string(q.body))
	if err == nil && !isText(values) {
		err = errNoText
	}
	f := form{values: values}
	s := d.queries[values.Get("Version")]
	if s == nil {
		s = d.queries[iamVersion]
	}
	var result any
	if err == nil {
		result, err = d.dispatchQuery(q, r, x, s, f)
	} else {
		q.who = d.stranger(r, x)
		e := &wireError{kind: "MalformedQueryString", message: "The query string is malformed.", status: http.StatusBadRequest}
		err = d.cfg.Directory.RefuseClaim(q.ctx, q.who, "", fault.Wrap(fault.Invalid, e, "The request is not valid."))
	}
	x.Principal = q.who.Principal
	if err != nil {
		e := q.toQuery(err)
		x.Outcome = e.kind
		writeXML(q.w, e.status, errorResponse{
			XMLName: xml.Name{Local: "ErrorResponse"}, Space: s.namespace, Error: xmlError{Type: e.fault(), Code: e.kind, Message: e.message}, RequestID: q.id[0],
		})
		return
	}
	action := values.Get("Action")
	writeXML(q.w, http.StatusOK, response{
		XMLName: xml.Name{Local: action + "Response"}, Space: s.namespace,
		Result: element{action + "Result", result}, Metadata: metadata{q.id[0]},
	})
}

func (d *Door) dispatchQuery(q *request, r *http.Request, x *door.Exchange, s *queryService, f form) (any, error) {
	q.who = d.stranger(r, x)
	op, ok := s.actions[f.get("Action")]
	if !op.open {
		if err := d.authenticate(q, r, &s.service); err != nil {
			return nil, err
		}
	}
	if !ok {
		e := &wireError{kind: "InvalidAction", message: "Could not find operation " + f.get("Action") + " for version " + s.version, status: http.StatusBadRequest}
		fail := fault.Wrap(fault.Unsupported, e, "There is no such operation.")
		if err := d.cfg.Directory.RefuseClaim(q.ctx, q.who, q.who.AccessKey, fail); err != error(fail) {
			return nil, err
		}
		return nil, e
	}
	q.op = &operation{name: f.get("Action"), verb: op.verb}
	x.Operation = q.op.name
	if !op.open {
		return op.serve(q, f)
	}
	if d.failures.Blocked(r.RemoteAddr, "") {
		return nil, errThrottled
	}
	result, err := op.serve(q, f)
	if err != nil {
		d.failures.Failed(r.RemoteAddr, "")
	}
	return result, err
}

// response is a whole answer.
type response struct {
	XMLName  xml.Name
	Space    string `xml:"xmlns,attr"`
	Result   element
	Metadata metadata `xml:"ResponseMetadata"`
}

type metadata struct {
	RequestID string `xml:"RequestId"`
}

type errorResponse struct {
	XMLName   xml.Name
	Space     string   `xml:"xmlns,attr"`
	Error     xmlError `xml:"Error"`
	RequestID string   `xml:"RequestId"`
}

type xmlError struct{ Type, Code, Message string }

// element is one whose name is found when it is written; without a value
// it is left out.
type element struct {
	name  string
	value any
}

// MarshalXML implements xml.Marshaler.
func (n element) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	if n.value == nil {
		return nil
	}
	return e.EncodeElement(n.value, xml.StartElement{Name: xml.Name{Local: n.name}})
}

// members is a list: it is there, if empty, and its items are called member.
type members[T any] []T

// MarshalXML implements xml.Marshaler.
func (m members[T]) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, item := range m {
		if err := e.EncodeElement(item, xml.StartElement{Name: xml.Name{Local: "member"}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

func writeXML(w http.ResponseWriter, status int, x any) {
	body, err := xml.Marshal(x)
	if err != nil { // of our own types: cannot be
		status, body = http.StatusInternalServerError, nil
	}
	defer clear(body) // a secret access key may be in it
	w.Header()["Content-Type"] = []string{"text/xml"}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// queryKinds are what the JSON protocol's errors are called in this one.
var queryKinds = map[string]wireError{
	"MissingAuthenticationTokenException": {kind: "MissingAuthenticationToken", message: "Request is missing Authentication Token", status: http.StatusForbidden},
	"IncompleteSignatureException":        {kind: "IncompleteSignature", status: http.StatusBadRequest},
	"UnrecognizedClientException":         {kind: "InvalidClientTokenId", status: http.StatusForbidden},
	"InvalidSignatureException":           {kind: "SignatureDoesNotMatch", status: http.StatusForbidden},
	"ThrottlingException":                 {kind: "Throttling", message: "Rate exceeded", status: http.StatusBadRequest},
	"ExpiredTokenException":               {kind: "ExpiredToken", message: "The security token included in the request is expired", status: http.StatusForbidden},
}

// queryCodes are how faults go over the wire.
var queryCodes = map[fault.Code]wireError{
	fault.Internal:     {kind: "ServiceFailure", status: http.StatusInternalServerError},
	fault.NotFound:     {kind: "NoSuchEntity", status: http.StatusNotFound},
	fault.Exists:       {kind: "EntityAlreadyExists", status: http.StatusConflict},
	fault.Denied:       {kind: "AccessDenied", status: http.StatusForbidden},
	fault.Invalid:      {kind: "ValidationError", status: http.StatusBadRequest},
	fault.TooLarge:     {kind: "ValidationError", status: http.StatusBadRequest},
	fault.Unsupported:  {kind: "InvalidAction", status: http.StatusBadRequest},
	fault.Conflict:     {kind: "DeleteConflict", status: http.StatusConflict},
	fault.Deleted:      {kind: "NoSuchEntity", status: http.StatusNotFound},
	fault.Limit:        {kind: "LimitExceeded", status: http.StatusConflict},
	fault.Throttled:    {kind: "Throttling", status: http.StatusBadRequest},
	fault.Sealed:       {kind: "ServiceUnavailable", status: http.StatusServiceUnavailable},
	fault.Unavailable:  {kind: "ServiceUnavailable", status: http.StatusServiceUnavailable},
	fault.EngineFailed: {kind: "ServiceFailure", status: http.StatusInternalServerError},
}

// causes are the kinds of faults that have a name of their own.
var causes = map[error]wireError{
	identity.ErrMalformedPolicy: {kind: "MalformedPolicyDocument", status: http.StatusBadRequest},
	identity.ErrInput:           {kind: "InvalidInput", status: http.StatusBadRequest},
	identity.ErrUnmodifiable:    {kind: "UnmodifiableEntity", status: http.StatusBadRequest},
	identity.ErrNotAttachable:   {kind: "NoSuchEntity", status: http.StatusNotFound},
	identity.ErrTooLargeToken:   {kind: "PackedPolicyTooLarge", status: http.StatusBadRequest},
}

// toQuery makes an error of this protocol of any error.
func (q *request) toQuery(err error) *wireError {
	f, isFault := errors.AsType[*fault.Error](err)
	if own, ok := errors.AsType[*wireError](err); ok || isFault && f.Code == fault.Unauthenticated {
		if own == nil {
			own = q.toWire(err)
		}
		e, renamed := queryKinds[own.kind]
		if !renamed {
			return own
		}
		if e.message == "" {
			e.message = own.message
		}
		return &e
	}
	if !isFault {
		f = fault.Wrap(fault.Internal, err, "")
	}
	e := queryCodes[f.Code]
	for cause, named := range causes {
		if errors.Is(err, cause) {
			e = named
		}
	}
	e.message = f.Message
	switch f.Code {
	case fault.Internal:
		e.message = "The request processing has failed because of an unknown error, exception or failure."
	case fault.Denied:
		e.message = q.denied(f)
		if r, ok := errors.AsType[*policy.Refusal](f); ok && r.Verb >= secret.GetCallerIdentity && !r.Explicit {
			e.message, _, _ = strings.Cut(e.message, " because ")
		}
	}
	return &e
}

// fault says whose fault the error is.
func (e *wireError) fault() string {
	if e.status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}
