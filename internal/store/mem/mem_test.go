package mem_test

import (
	"testing"

	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/store/mem"
	"github.com/strongroom-dev/strongroom/internal/store/storetest"
)

func TestExamination(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return mem.New() }, nil)
}
