//go:build !mutant_split_label

package core

const splitLabelMove = false
