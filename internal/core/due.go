package core

import (
	"context"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

func auditItem(resource string) audit.Item {
	return audit.Item{Resource: resource, Decision: "allow", Outcome: "ok"}
}

// due lists secrets whose window ended by now, the earliest first.
func (c *Core) due(tx *gate.Tx, now secret.Instant) ([]secret.Ref, error) {
	var due []secret.Ref
	for e, err := range tx.Scan(store.Range{From: purgePrefix, To: purgePrefix + timeKey(now+1)}) {
		if err != nil {
			return nil, err
		}
		due = append(due, refInIndex(strings.TrimPrefix(e.Key, purgePrefix)))
		if len(due) == perPurge {
			break
		}
	}
	return due, nil
}

// Due reports whether PurgeDeleted has anything to remove. It is the house's
// own question to its own index, says nothing to anybody, and is not recorded.
func (c *Core) Due(ctx context.Context) (bool, error) {
	return c.gate.Any(ctx, func(now secret.Instant) store.Range {
		return store.Range{From: purgePrefix, To: purgePrefix + timeKey(now+1)}
	})
}
