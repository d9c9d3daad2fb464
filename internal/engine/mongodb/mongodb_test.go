//go:build engines

package mongodb_test

import (
	"context"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/engine/enginetest"
	"github.com/strongroom-dev/strongroom/internal/engine/mongodb"
	"github.com/strongroom-dev/strongroom/test/servers"
)

func do(as engine.Login, commands ...bson.D) error {
	ctx := context.Background()
	c, err := mongo.Connect(options.Client().ApplyURI(fmt.Sprintf("mongodb://%s:%d", as.Host, as.Port)).SetDirect(true).
		SetAuth(options.Credential{AuthSource: "admin", Username: as.User, Password: string(as.Password.Open())}))
	if err != nil {
		return err
	}
	defer func() { _ = c.Disconnect(ctx) }()
	for _, command := range commands {
		if err := c.Database("admin").RunCommand(ctx, command).Err(); err != nil {
			return err
		}
	}
	return nil
}

// FerretDB stands for MongoDB: it has its protocol and its users, though every
// user may do everything there.
func TestFerretDB(t *testing.T) {
	s := servers.FerretDB(t)
	admin := engine.Login{Host: "127.0.0.1", Port: s.Port, User: s.Admin, Password: enginetest.Password(s.Password)}
	enginetest.Examine(t, enginetest.Subject{
		Engine: mongodb.Engine{}, Admin: admin,
		Make: func(t *testing.T, user, password string) {
			if err := do(admin, bson.D{{Key: "createUser", Value: user}, {Key: "pwd", Value: password}, {Key: "roles", Value: bson.A{}}}); err != nil {
				t.Fatal(err)
			}
		},
		Use: func(as engine.Login) error { return do(as, bson.D{{Key: "listCollections", Value: 1}}) },
	})
}
