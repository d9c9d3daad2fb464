package audit

import "golang.org/x/mod/sumdb/tlog"

// Frontier is the right edge of a Merkle tree: the roots of its complete
// subtrees, the largest first. It is all that is needed to append and to know
// the root. The zero Frontier is the empty tree.
type Frontier struct {
	Size  int64
	edges []tlog.Hash
}

// Add appends a leaf.
func (f *Frontier) Add(leaf tlog.Hash) {
	for n := f.Size; n&1 == 1; n >>= 1 {
		last := len(f.edges) - 1
		leaf = tlog.NodeHash(f.edges[last], leaf)
		f.edges = f.edges[:last]
	}
	f.edges = append(f.edges, leaf)
	f.Size++
}

// Root is the root hash of the tree.
func (f *Frontier) Root() tlog.Hash {
	if f.Size == 0 {
		empty, _ := tlog.TreeHash(0, nil)
		return empty
	}
	last := len(f.edges) - 1
	root := f.edges[last]
	for i := last - 1; i >= 0; i-- {
		root = tlog.NodeHash(f.edges[i], root)
	}
	return root
}

// Head is the size and the root.
func (f *Frontier) Head() Head { return Head{Size: f.Size, Root: f.Root()} }

// Edges gives the subtree roots, the largest first.
func (f *Frontier) Edges() [][32]byte {
	out := make([][32]byte, len(f.edges))
	for i, e := range f.edges {
		out[i] = e
	}
	return out
}

// Resume is the frontier of a tree of that size with those edges.
func Resume(size int64, edges [][32]byte) Frontier {
	f := Frontier{Size: size}
	for _, e := range edges {
		f.edges = append(f.edges, e)
	}
	return f
}
