//go:build mutant_answer_first

package gate

// A negative control: the crash tests must notice this.
const answerFirst = true
