//go:build !mutant_answer_first

package gate

const answerFirst = false
