// Package mongodb drives MongoDB and what speaks its protocol.
package mongodb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// Engine implements engine.Engine. Login.Database is where users are kept,
// "admin" unless it is said.
type Engine struct{}

// Traits implements engine.Engine. A user changes its own password only where
// a role lets it, so that this is tried.
func (Engine) Traits() engine.Traits {
	return engine.Traits{Names: []string{"mongo", "mongodb", "documentdb"}, UserLimit: 120, Exclude: "/@\"'\\:$", SelfService: true}
}

func users(l engine.Login) string {
	if l.Database == "" {
		return "admin"
	}
	return l.Database
}

const patience = 10 * time.Second

func connect(ctx context.Context, l engine.Login) (*mongo.Client, error) {
	if l.Port == 0 {
		l.Port = 27017
	}
	return engine.DialFromFirstByte(ctx, l, func(ctx context.Context, t *tls.Config) (*mongo.Client, error) {
		o := options.Client().SetHosts([]string{net.JoinHostPort(l.Host, strconv.Itoa(l.Port))}).SetDirect(true).SetTLSConfig(t).
			SetAuth(options.Credential{AuthSource: users(l), Username: l.User, Password: string(l.Password.Open()), PasswordSet: true}).
			SetMaxPoolSize(1).SetConnectTimeout(patience).SetServerSelectionTimeout(patience).SetRetryWrites(false).SetAppName("strongroom")
		c, err := mongo.Connect(o)
		if err != nil {
			return nil, err
		}
		if err := c.Database(users(l)).RunCommand(ctx, bson.D{{Key: "connectionStatus", Value: 1}}).Err(); err != nil {
			_ = c.Disconnect(context.WithoutCancel(ctx))
			return nil, explain(err)
		}
		return c, nil
	})
}

// The codes of errors. (https://www.mongodb.com/docs/manual/reference/error-codes/)
const (
	userNotFound         = 11
	authenticationFailed = 18
	duplicateUser        = 51003
)

// explain tells a password that is refused from everything else.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[mongo.CommandError](err); ok && e.Code == authenticationFailed || strings.Contains(err.Error(), "AuthenticationFailed") {
		return fmt.Errorf("%w (AuthenticationFailed)", engine.ErrRefused)
	}
	if e, ok := errors.AsType[mongo.CommandError](err); ok {
		return fmt.Errorf("the server answered: %s (%s)", e.Message, e.Name)
	}
	return err
}

func isCode(err error, code int32) bool {
	e, ok := errors.AsType[mongo.CommandError](err)
	return ok && e.Code == code
}

func with(ctx context.Context, as engine.Login, work func(*mongo.Database) error) error {
	c, err := connect(ctx, as)
	if err != nil {
		return err
	}
	defer func() { _ = c.Disconnect(context.WithoutCancel(ctx)) }()
	return explain(work(c.Database(users(as))))
}

// Check implements engine.Engine.
func (Engine) Check(ctx context.Context, as engine.Login) error {
	return with(ctx, as, func(*mongo.Database) error { return nil })
}

// SetPassword implements engine.Engine.
func (Engine) SetPassword(ctx context.Context, as engine.Login, user string, password plain.Value) error {
	return with(ctx, as, func(db *mongo.Database) error {
		return db.RunCommand(ctx, bson.D{{Key: "updateUser", Value: user}, {Key: "pwd", Value: string(password.Open())}}).Err()
	})
}

// Clone implements engine.Engine: the roles are taken over.
func (Engine) Clone(ctx context.Context, as engine.Login, like, user string, password plain.Value) error {
	return with(ctx, as, func(db *mongo.Database) error {
		var found struct {
			Users []struct{ Roles bson.A }
		}
		if err := db.RunCommand(ctx, bson.D{{Key: "usersInfo", Value: like}}).Decode(&found); err != nil {
			return err
		}
		if len(found.Users) != 1 {
			return fmt.Errorf("there is no user %s", like)
		}
		rest := bson.D{{Key: "pwd", Value: string(password.Open())}, {Key: "roles", Value: append(bson.A{}, found.Users[0].Roles...)}}
		err := db.RunCommand(ctx, append(bson.D{{Key: "createUser", Value: user}}, rest...)).Err()
		if isCode(err, duplicateUser) {
			err = db.RunCommand(ctx, append(bson.D{{Key: "updateUser", Value: user}}, rest...)).Err()
		}
		return err
	})
}

// Drop implements engine.Engine.
func (Engine) Drop(ctx context.Context, as engine.Login, user string) error {
	return with(ctx, as, func(db *mongo.Database) error {
		err := db.RunCommand(ctx, bson.D{{Key: "dropUser", Value: user}}).Err()
		if isCode(err, userNotFound) {
			return nil
		}
		return err
	})
}
