package vault

import "github.com/strongroom-dev/strongroom/internal/mount"

// tables are the routes of each type of mount. A new engine is a table here,
// and a file of its handlers.
func tables() map[string][]route {
	return map[string][]route{
		"kv2":           kv2(),
		mount.KV:        kv1(),
		mount.Cubbyhole: cubbyhole(),
		mount.System:    system(),
		mount.Identity:  identities(),
		mount.Transit:   transitRoutes(),

		mount.Token:      tokens(),
		mount.AppRole:    appRole(),
		mount.UserPass:   userPass(),
		mount.JWT:        jwtMethod(),
		mount.Kubernetes: kubernetes(),
	}
}

// system are the paths under sys/.
func system() (all []route) {
	for _, part := range [][]route{status(), mountRoutes(), policies(), wrapping(), tools(), namespaces(), others(), passwordPolicies()} {
		all = append(all, part...)
	}
	return all
}
