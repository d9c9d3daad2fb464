package core

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/keyring"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// The keys of the store. A space is ACCOUNT/REGION, of which neither holds a
// slash; names hold no NUL. A value lies right behind its secret's row, so that
// whoever reads both finds them on one page. Times are hexadecimal
// milliseconds, so that keys sort by them.
//
//	secret/SPACE/NAME                       a secret's row
//	secret/SPACE/NAME NUL SUFFIX/NUMBER     the value of a version; never written twice
//	created/SPACE/TIME/NAME                 index: the secrets by their creation
//	purge/TIME/SPACE/NAME                   index: when a deleted secret's window ends
//	due/TIME/SPACE/NAME                     index: when the clockwork has to see to a rotation
//	claimed/SPACE/NAME                      index: the rotations that somebody is at
//	function/ACCOUNT/NAME                   a rotation function
//	event/NUMBER                            an event, for who watches
//	hook/SPACE/NAME                         a webhook
//	keeping/SPACE                           how the versions of a space are kept
const (
	secretPrefix  = "secret/"
	createdPrefix = "created/"
	purgePrefix   = "purge/"
	duePrefix     = "due/"
	claimedPrefix = "claimed/"

	valueMark = "\x00"
)

func spaceKey(s secret.Space) string { return s.Account + "/" + s.Region + "/" }

func secretKey(s secret.Space, name string) string {
	return secretPrefix + s.Account + "/" + s.Region + "/" + name
}

func valueKey(s secret.Space, sec *secret.Secret, number uint64) string {
	return secretPrefix + s.Account + "/" + s.Region + "/" + sec.Name + valueMark + sec.Suffix + "/" + strconv.FormatUint(number, 10)
}

// isValue tells the keys of values from those of rows.
func isValue(key string) bool { return strings.Contains(key, valueMark) }

func timeKey(i secret.Instant) string { return fmt.Sprintf("%012x", uint64(i)) }

func createdKey(s secret.Space, sec *secret.Secret) string {
	return createdPrefix + spaceKey(s) + timeKey(sec.Created) + "/" + sec.Name
}

func purgeKey(s secret.Space, sec *secret.Secret) string {
	return purgePrefix + timeKey(sec.PurgeAt) + "/" + spaceKey(s) + sec.Name
}

func dueKey(s secret.Space, sec *secret.Secret) string {
	return duePrefix + timeKey(sec.Due()) + "/" + spaceKey(s) + sec.Name
}

func claimedKey(s secret.Space, sec *secret.Secret) string {
	return claimedPrefix + spaceKey(s) + sec.Name
}

// refInIndex is the secret that "TIME/ACCOUNT/REGION/NAME" names.
func refInIndex(key string) secret.Ref {
	part := strings.SplitN(key, "/", 4)
	return secret.Ref{Space: secret.Space{Account: part[1], Region: part[2]}, Kind: secret.KindSecret, Name: part[3]}
}

// load finds a secret; nil if there is none.
func (c *Core) load(tx *gate.Tx, s secret.Space, name string) (*secret.Secret, error) {
	sec, _, err := c.rows.secrets.Load(tx, secretKey(s, name))
	return sec, damaged(err)
}

// damaged says so where an entry cannot be opened.
func damaged(err error) error {
	if errors.Is(err, keyring.ErrDamaged) {
		return fault.Wrap(fault.Internal, err, "An entry of the store is damaged; restore it from a backup.")
	}
	return err
}

// save writes a secret's row and keeps its indexes right. old is the row that
// it replaces, nil for none.
func (c *Core) save(tx *gate.Tx, s secret.Space, old, sec *secret.Secret) error {
	text, err := stored.Encode(sec)
	if err != nil {
		return err
	}
	if err := tx.Put(secretKey(s, sec.Name), text); err != nil {
		return err
	}
	if old == nil {
		if err := tx.PutIndex(createdKey(s, sec)); err != nil {
			return err
		}
	}
	if err := errors.Join(indexRotation(tx, s, old, sec), c.tell(tx, s, old, sec)); err != nil {
		return err
	}
	if old != nil && old.IsDeleted() && old.PurgeAt != sec.PurgeAt {
		if err := tx.Delete(purgeKey(s, old)); err != nil {
			return err
		}
	}
	if sec.IsDeleted() {
		return tx.PutIndex(purgeKey(s, sec))
	}
	return c.replicate(tx, s, sec)
}

// indexRotation keeps the indexes of rotations right.
func indexRotation(tx *gate.Tx, s secret.Space, old, sec *secret.Secret) error {
	var before, after secret.Instant
	claimed := false
	if old != nil {
		before, claimed = old.Due(), old.IsClaimed()
	}
	after = sec.Due()
	var errs [4]error
	if before != 0 && before != after {
		errs[0] = tx.Delete(dueKey(s, old))
	}
	if after != 0 && before != after {
		errs[1] = tx.PutIndex(dueKey(s, sec))
	}
	switch {
	case claimed && !sec.IsClaimed():
		errs[2] = tx.Delete(claimedKey(s, sec))
	case !claimed && sec.IsClaimed():
		errs[3] = tx.PutIndex(claimedKey(s, sec))
	}
	return errors.Join(errs[:]...)
}

// erase removes a secret with all its values and indexes.
func (c *Core) erase(tx *gate.Tx, s secret.Space, sec *secret.Secret) error {
	keys := []string{secretKey(s, sec.Name), createdKey(s, sec)}
	if sec.IsDeleted() {
		keys = append(keys, purgeKey(s, sec))
	}
	if sec.Due() != 0 {
		keys = append(keys, dueKey(s, sec))
	}
	if sec.IsClaimed() {
		keys = append(keys, claimedKey(s, sec))
	}
	for _, v := range sec.Versions {
		keys = append(keys, valueKey(s, sec, v.Number))
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	c.forgetAccess(s, sec.Name)
	return c.tell(tx, s, sec, nil)
}

// resolve implements gate.Resolver. A ref with a suffix means only the secret
// of that suffix; one that was sent to another region means nothing there.
func (c *Core) resolve(tx *gate.Tx, r secret.Ref) (gate.Found, error) {
	found := gate.Found{Ref: r}
	if r.Kind != secret.KindSecret && c.others != nil {
		return c.others(tx, r)
	}
	if r.Kind != secret.KindSecret || r.Name == "" {
		return found, nil
	}
	if who := tx.Caller(); who.Region != "" && who.Region != r.Space.Region {
		return found, nil
	}
	sec, err := c.load(tx, r.Space, r.Name)
	if err != nil || sec == nil || (r.Suffix != "" && r.Suffix != sec.Suffix) {
		return found, err
	}
	return c.foundSecret(tx, r.Space, sec)
}

// foundSecret is a secret with what decisions about it need.
func (c *Core) foundSecret(tx *gate.Tx, s secret.Space, sec *secret.Secret) (found gate.Found, err error) {
	found = gate.Found{Ref: RefOf(s, sec), Secret: sec}
	if sec.Policy != "" {
		found.Policy, _, err = c.rows.policies.Load(tx, secretKey(s, sec.Name))
	}
	return found, damaged(err)
}

// The faults that many operations share.
func noSecret() error {
	return fault.New(fault.NotFound, "Secrets Manager can't find the specified secret.")
}

func markedDeleted() error {
	return fault.New(fault.Deleted, "You can't perform this operation on the secret because it was marked for deletion.")
}

// live is the operation's secret, if it is there and not marked for deletion,
// and no replica where it is to be changed.
func live(tx *gate.Tx) (*secret.Secret, error) {
	switch s := tx.Subject(); {
	case s == nil:
		return nil, noSecret()
	case s.IsDeleted():
		return nil, markedDeleted()
	case s.IsReplica() && tx.Verb().Writes():
		return nil, errReplica()
	default:
		return s, nil
	}
}

// RefOf is the full ref of a secret in a space.
func RefOf(s secret.Space, sec *secret.Secret) secret.Ref {
	return secret.Ref{Space: s, Kind: secret.KindSecret, Name: sec.Name, Suffix: sec.Suffix}
}

func actionsOf(verbs []secret.Verb) []string {
	out := make([]string, len(verbs))
	for i, v := range verbs {
		out[i] = arn.Action(v)
	}
	return out
}
