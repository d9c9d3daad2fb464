package aws

import (
	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// webhookName is an input that names a webhook.
type webhookName struct {
	aboutNothing
	WebhookName *string
}

func (in *webhookName) check(c *checker) {
	if c.required("webhookName", in.WebhookName != nil) {
		c.length("webhookName", in.WebhookName, 1, 64)
	}
}

type registerWebhookInput struct {
	webhookName
	URL    *string
	Prefix *string
}

func (in *registerWebhookInput) check(c *checker) {
	in.webhookName.check(c)
	if c.required("uRL", in.URL != nil) {
		c.length("uRL", in.URL, 1, 2048)
	}
	c.length("prefix", in.Prefix, 0, 512)
}

// registerWebhook has a URL told of events. Its key is shown this once.
func registerWebhook(q *request, in *registerWebhookInput) (answer, error) {
	key, err := q.door.cfg.Core.RegisterWebhook(q.ctx, q.who, core.NewHook{Space: q.home, Name: *in.WebhookName, URL: *in.URL, Prefix: text(in.Prefix)})
	return func(o *object) {
		defer key.Wipe()
		o.text("SigningKey", key)
		o.str("WebhookName", *in.WebhookName)
	}, err
}

type listWebhooksInput struct{ nothingInput }

func listWebhooks(q *request, _ *listWebhooksInput) (answer, error) {
	all, err := q.door.cfg.Core.ListWebhooks(q.ctx, q.who, q.home)
	return func(o *object) {
		list(o, "Webhooks", all, func(o *object, h core.Hook) {
			o.number("Attempts", int64(h.Attempts))
			o.time("CreatedDate", h.Created)
			o.opt("LastError", h.Error)
			o.time("NextAttemptDate", h.Next)
			o.str("Owner", h.Owner)
			o.opt("Prefix", h.Prefix)
			o.number("Told", int64(h.After))
			o.str("URL", h.URL)
			o.str("WebhookName", h.Name)
		})
	}, err
}

type deleteWebhookInput struct{ webhookName }

func deleteWebhook(q *request, in *deleteWebhookInput) (answer, error) {
	return nil, q.door.cfg.Core.DeleteWebhook(q.ctx, q.who, secret.Space{Account: q.home.Account, Region: q.home.Region}, *in.WebhookName)
}
