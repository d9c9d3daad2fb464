package aws

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// filter is a filter as it is sent.
type filter struct {
	Key    *string
	Values []string
}

func (c *checker) filters(filters []filter) {
	if len(filters) > 10 {
		c.bounds("Value at 'filters'", len(filters), 0, 10)
	}
	for i, f := range filters {
		at := fmt.Sprintf("filters.%d.member.", i+1)
		if f.Key != nil {
			c.oneOf(at+"key", *f.Key, core.FilterAll, core.FilterName, core.FilterTagKey, core.FilterDescription,
				core.FilterTagValue, core.FilterPrimaryRegion, core.FilterOwningService)
		}
		c.strings(at+"values", f.Values, 1, 10, 0, 512)
	}
}

func readFilters(in []filter) ([]core.Filter, error) {
	var out []core.Filter
	for _, f := range in {
		if f.Key == nil {
			return nil, invalidParameter("Invalid filter key")
		}
		if len(f.Values) == 0 {
			return nil, invalidParameter("Invalid filter values for key: " + *f.Key)
		}
		out = append(out, core.Filter{Key: *f.Key, Values: f.Values})
	}
	return out, nil
}

type listSecretsInput struct {
	aboutNothing
	IncludePlannedDeletion bool
	MaxResults             *int64
	NextToken              *string
	Filters                []filter
	SortOrder              *string
	SortBy                 *string
}

var orders = map[string]core.Order{
	"created-date": core.ByCreated, "name": core.ByName, "last-changed-date": core.ByChanged, "last-accessed-date": core.ByAccessed,
}

func (in *listSecretsInput) check(c *checker) {
	c.between("maxResults", in.MaxResults, 1, 100)
	c.length("nextToken", in.NextToken, 1, 4096)
	c.filters(in.Filters)
	if in.SortOrder != nil {
		c.oneOf("sortOrder", *in.SortOrder, "asc", "desc")
	}
	if in.SortBy != nil {
		c.oneOf("sortBy", *in.SortBy, "created-date", "last-accessed-date", "last-changed-date", "name")
	}
}

// forCore is the input as core takes it.
func (in *listSecretsInput) forCore(q *request, most int64) (*core.ListSecretsInput, error) {
	filters, err := readFilters(in.Filters)
	if err != nil {
		return nil, err
	}
	after, err := readToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	return &core.ListSecretsInput{
		Space: q.home, Filters: filters, Deleted: in.IncludePlannedDeletion,
		Order: orders[text(in.SortBy)], Reverse: text(in.SortOrder) == "desc", Max: int(most), After: after,
	}, nil
}

func listSecrets(q *request, in *listSecretsInput) (answer, error) {
	list0, err := in.forCore(q, number(in.MaxResults, 100))
	if err != nil {
		return nil, q.reject(secret.InSpace(q.home), err)
	}
	page, err := q.door.cfg.Core.ListSecrets(q.ctx, q.who, *list0)
	return func(o *object) {
		if page.Next != "" {
			o.str("NextToken", pageToken(page.Next))
		}
		list(o, "SecretList", page.Secrets, func(o *object, s *secret.Secret) {
			describe(o, core.Described{Ref: core.RefOf(q.home, s), Secret: s}, "SecretVersionsToStages")
		})
	}, err
}

type listSecretVersionIDsInput struct {
	aboutSecret
	MaxResults        *int64
	NextToken         *string
	IncludeDeprecated bool
}

func (in *listSecretVersionIDsInput) check(c *checker) {
	in.aboutSecret.check(c)
	c.between("maxResults", in.MaxResults, 1, 100)
	c.length("nextToken", in.NextToken, 1, 4096)
}

func listSecretVersionIDs(q *request, in *listSecretVersionIDsInput) (answer, error) {
	ref := q.ref(in.SecretId, nil)
	after, err := readToken(in.NextToken)
	var number0 uint64
	if err == nil && after != "" {
		if number0, err = strconv.ParseUint(after, 10, 64); err != nil {
			err = errBadToken
		}
	}
	if err != nil {
		return nil, q.reject(ref, err)
	}
	page, err := q.door.cfg.Core.ListVersions(q.ctx, q.who, core.ListVersionsInput{
		Ref: ref, Deprecated: in.IncludeDeprecated, Max: int(number(in.MaxResults, 100)), After: number0,
	})
	return func(o *object) { writeVersions(o, page) }, err
}

func writeVersions(o *object, page core.VersionPage) {
	key := page.Secret.KeyID
	if key == "" {
		key = "DefaultEncryptionKey"
	}
	o.arn(page.Ref)
	o.str("Name", page.Ref.Name)
	if page.Next != 0 {
		o.str("NextToken", pageToken(strconv.FormatUint(page.Next, 10)))
	}
	list(o, "Versions", page.Versions, func(o *object, v secret.Version) {
		o.time("CreatedDate", v.Created)
		o.strs("KmsKeyIds", []string{key})
		o.time("LastAccessedDate", v.Accessed)
		o.str("VersionId", v.ID)
		if len(v.Labels) > 0 {
			o.strs("VersionStages", v.Labels)
		}
	})
}

var errBadToken = &wireError{kind: "InvalidNextTokenException", message: "The NextToken value is invalid.", status: http.StatusBadRequest}

// pageToken makes a token of the place where a page ended. It says nothing
// that the page did not.
func pageToken(after string) string {
	sum := crc32.ChecksumIEEE([]byte(after))
	return base64.RawURLEncoding.EncodeToString(append([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}, after...))
}

func readToken(token *string) (string, error) {
	if token == nil {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil || len(b) < 5 || pageToken(string(b[4:])) != *token {
		return "", errBadToken
	}
	return string(b[4:]), nil
}
