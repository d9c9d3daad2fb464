package file

// Frame makes a record's frame.
func Frame(record []byte) []byte { return appendFrame(nil, record) }

// Walk reads frames.
func Walk(frames []byte, fn func([]byte) error) (int, error) { return walk(frames, fn) }
