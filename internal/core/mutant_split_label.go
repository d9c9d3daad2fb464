//go:build mutant_split_label

package core

// A negative control: a label leaves its version in one transaction and
// arrives in another. TestLabelsMoveAtOnce must notice this.
const splitLabelMove = true
