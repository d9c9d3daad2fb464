package door

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// counts holds a histogram for each kind of exchange. The ones that were found
// are kept: finding one by its labels costs more than counting.
type counts struct {
	seconds *prometheus.HistogramVec

	mu    sync.RWMutex
	found map[exchangeKind]prometheus.Observer
}

// exchangeKind is what exchanges are told apart by. Doors fill it with words
// of their own, never with a client's.
type exchangeKind struct{ door, operation, outcome string }

func (c *counts) register(reg prometheus.Registerer) {
	c.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "strongroom_request_duration_seconds",
		Help:    "How long requests took, by door, operation and outcome.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"door", "operation", "outcome"})
	reg.MustRegister(c.seconds)
	c.found = map[exchangeKind]prometheus.Observer{}
}

func (c *counts) of(k exchangeKind) prometheus.Observer {
	c.mu.RLock()
	o := c.found[k]
	c.mu.RUnlock()
	if o == nil {
		o = c.seconds.WithLabelValues(k.door, k.operation, k.outcome)
		c.mu.Lock()
		c.found[k] = o
		c.mu.Unlock()
	}
	return o
}
