package aws

import (
	"fmt"
	"regexp"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// replicaRegion is a region that a secret is to be copied to.
type replicaRegion struct {
	Region   *string
	KmsKeyId *string //nolint:revive // the wire's spelling
}

var regionForm = regexp.MustCompile(`^([a-z]+-)+\d+$`)

func (c *checker) regions(field string, regions []replicaRegion) {
	for i, r := range regions {
		at := fmt.Sprintf("%s.%d.member.", field, i+1)
		c.length(at+"region", r.Region, 1, 128)
		c.pattern(at+"region", r.Region, regionForm)
		c.length(at+"kmsKeyId", r.KmsKeyId, 0, 2048)
	}
}

func replicas(regions []replicaRegion) []secret.Replica {
	var all []secret.Replica
	for _, r := range regions {
		all = append(all, secret.Replica{Region: text(r.Region), KeyID: keyID(r.KmsKeyId)})
	}
	return all
}

type replicateSecretToRegionsInput struct {
	aboutSecret
	AddReplicaRegions           []replicaRegion
	ForceOverwriteReplicaSecret bool
}

func (in *replicateSecretToRegionsInput) check(c *checker) {
	in.aboutSecret.check(c)
	if c.required("addReplicaRegions", in.AddReplicaRegions != nil) {
		c.bounds("Value '[]' at 'addReplicaRegions'", len(in.AddReplicaRegions), 1, 100)
	}
	c.regions("addReplicaRegions", in.AddReplicaRegions)
}

func replicateSecretToRegions(q *request, in *replicateSecretToRegionsInput) (answer, error) {
	d, err := q.door.cfg.Core.ReplicateSecret(q.ctx, q.who, core.ReplicateSecretInput{
		Ref: q.ref(in.SecretId, nil), Regions: replicas(in.AddReplicaRegions), Overwrite: in.ForceOverwriteReplicaSecret,
	})
	return replicated(d), err
}

type removeRegionsFromReplicationInput struct {
	aboutSecret
	RemoveReplicaRegions []string
}

func (in *removeRegionsFromReplicationInput) check(c *checker) {
	in.aboutSecret.check(c)
	if c.required("removeReplicaRegions", in.RemoveReplicaRegions != nil) {
		c.strings("removeReplicaRegions", in.RemoveReplicaRegions, 1, 100, 1, 128)
	}
}

func removeRegionsFromReplication(q *request, in *removeRegionsFromReplicationInput) (answer, error) {
	d, err := q.door.cfg.Core.RemoveReplicas(q.ctx, q.who, q.ref(in.SecretId, nil), in.RemoveReplicaRegions)
	return replicated(d), err
}

type stopReplicationToReplicaInput struct{ aboutSecret }

func stopReplicationToReplica(q *request, in *stopReplicationToReplicaInput) (answer, error) {
	ref, err := q.door.cfg.Core.StopReplication(q.ctx, q.who, q.ref(in.SecretId, nil))
	return func(o *object) { o.arn(ref) }, err
}

func replicated(d core.Described) answer {
	return func(o *object) {
		o.arn(d.Ref)
		writeReplicas(o, d.Secret)
	}
}

// writeReplicas writes how the copies of a secret are. They are written with
// the secret, so that they are there or cannot be.
func writeReplicas(o *object, s *secret.Secret) {
	if len(s.Replicas) == 0 {
		return
	}
	list(o, "ReplicationStatus", s.Replicas, func(o *object, r secret.Replica) {
		key, status, message := r.KeyID, "InSync", "Replication succeeded"
		if r.Problem != "" {
			status, message = "Failed", r.Problem
		}
		if key == "" {
			key = "alias/aws/secretsmanager"
		}
		o.str("KmsKeyId", key)
		o.str("Region", r.Region)
		o.str("Status", status)
		o.str("StatusMessage", message)
	})
}

// primaryRegion is where a secret that has copies, or is one, is changed.
func primaryRegion(ref secret.Ref, s *secret.Secret) string {
	if len(s.Replicas) > 0 {
		return ref.Space.Region
	}
	return s.Primary
}
