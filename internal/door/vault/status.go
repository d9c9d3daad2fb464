package vault

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
)

// Status is what the server says of itself.
type Status struct {
	Initialized bool
	Sealed      bool
	Type        string // of the seal
	Shares      int
	Threshold   int
	Progress    int
	Nonce       string
	Version     string
	ClusterID   string
}

// clusterName is what the server calls itself.
const clusterName = "strongroom"

// status are the paths that tell of the server.
func status() []route {
	return []route{
		{path: "health", read: health, public: true, keeps: true},
		{path: "seal-status", read: sealStatus, public: true, keeps: true},
		{path: "leader", read: leader, public: true, keeps: true},
		{path: "init", read: initStatus, public: true, keeps: true},
		{path: "ha-status", read: haStatus},
		{path: "key-status", read: keyStatus, differs: "encryptions are not counted"},
		{path: "host-info", read: hostInfo},
		{path: "in-flight-req", read: inFlight, differs: "shows the request itself alone"},
		{path: "version-history", list: versionHistory, differs: "knows the running version alone"},
		{path: "config/state/sanitized", read: configState, differs: "has few settings to show"},
		{path: "step-down", write: stepDown, sudo: true, differs: "one server has nobody to step down for"},
		{path: "seal", write: sealServer, sudo: true, differs: "under the file seal, which is not opened over HTTP, it is refused"},
		{path: "rotate", write: rotateKeyring, sudo: true},
		{path: "rotate/keyring", write: rotateKeyring, sudo: true},
	}
}

func health(q *request) (*response, error) {
	s := q.door.cfg.Status()
	code, name := http.StatusOK, "activecode"
	switch {
	case !s.Initialized:
		code, name = http.StatusNotImplemented, "uninitcode"
	case s.Sealed:
		code, name = http.StatusServiceUnavailable, "sealedcode"
	}
	if given, err := strconv.Atoi(q.query.Get(name)); err == nil && given >= 100 && given < 600 {
		code = given
	}
	out := m{
		"initialized": s.Initialized, "sealed": s.Sealed, "standby": false, "performance_standby": false,
		"replication_performance_mode": "disabled", "replication_dr_mode": "disabled", "server_time_utc": q.door.cfg.Now().Unix(),
		"version": s.Version, "cluster_name": clusterName, "cluster_id": s.ClusterID,
	}
	return &response{status: code, bare: out}, nil
}

func sealStatus(q *request) (*response, error) {
	return &response{bare: SealStatus(q.door.cfg.Status())}, nil
}

// SealStatus is the answer to sys/seal-status, and to shares of the seal.
func SealStatus(s Status) map[string]any {
	out := m{
		"type": s.Type, "initialized": s.Initialized, "sealed": s.Sealed, "t": s.Threshold, "n": s.Shares, "progress": s.Progress, "nonce": s.Nonce,
		"version": s.Version, "build_date": "", "migration": false, "recovery_seal": false, "storage_type": "bbolt",
	}
	if !s.Sealed && s.Initialized {
		out["cluster_name"], out["cluster_id"] = clusterName, s.ClusterID
	}
	return out
}

func leader(*request) (*response, error) {
	return &response{bare: m{
		"ha_enabled": false, "is_self": false, "active_time": "0001-01-01T00:00:00Z", "leader_address": "", "leader_cluster_address": "",
		"performance_standby": false, "performance_standby_last_remote_wal": 0,
	}}, nil
}

func initStatus(q *request) (*response, error) {
	return &response{bare: m{"initialized": q.door.cfg.Status().Initialized}}, nil
}

// used decides on and records the use of the request's path, and then answers.
func (q *request) used(out *response) (*response, error) {
	if err := q.door.cfg.Core.MayUse(q.ctx, q.who, q.setting()); err != nil {
		return nil, err
	}
	return out, nil
}

func haStatus(q *request) (*response, error) {
	node := m{"hostname": q.http.Host, "api_address": "http://" + q.http.Host, "cluster_address": "", "active_node": true, "last_echo": nil, "version": q.door.cfg.Status().Version}
	return q.used(&response{flat: true, data: m{"nodes": []m{node}}})
}

func keyStatus(q *request) (*response, error) {
	k, err := q.door.cfg.Core.KeyStatus(q.ctx, q.who, q.setting())
	if err != nil {
		return nil, err
	}
	return &response{flat: true, data: m{"term": k.Number, "install_time": stamp(k.Made), "encryptions": 0}}, nil
}

func hostInfo(q *request) (*response, error) {
	return q.used(&response{data: m{
		"timestamp": q.door.cfg.Now().UTC().Format(time.RFC3339Nano),
		"host":      m{"os": runtime.GOOS, "kernelArch": runtime.GOARCH, "procs": runtime.NumCPU()},
	}})
}

func inFlight(q *request) (*response, error) {
	if err := q.door.cfg.Core.MayUse(q.ctx, q.who, q.setting()); err != nil {
		return nil, err
	}
	return &response{bare: m{q.id: m{
		"start_time": q.door.cfg.Now().UTC().Format(time.RFC3339Nano), "client_remote_address": q.http.RemoteAddr,
		"request_path": q.http.URL.Path, "request_method": q.http.Method,
	}}}, nil
}

func versionHistory(q *request) (*response, error) {
	v := q.door.cfg.Status().Version
	return q.used(&response{data: m{"keys": []string{v}, "key_info": m{v: m{"build_date": "", "previous_version": nil, "timestamp_installed": ""}}}})
}

func configState(q *request) (*response, error) {
	return q.used(&response{data: m{"cluster_name": clusterName, "storage": m{"type": "bbolt"}, "listeners": []m{}, "disable_cache": false}})
}

func stepDown(q *request) (*response, error) {
	_, err := q.used(nil)
	return nil, err
}

func sealServer(q *request) (*response, error) {
	if q.door.cfg.Seal == nil {
		return nil, q.reject(fault.New(fault.Invalid, "this server's seal is not opened over HTTP: stop the server in place of sealing it"))
	}
	if err := q.door.cfg.Core.SealServer(q.ctx, q.who, q.setting()); err != nil {
		return nil, err
	}
	q.door.cfg.Seal()
	return nil, nil
}

func rotateKeyring(q *request) (*response, error) {
	_, err := q.door.cfg.Core.RotateKeyring(q.ctx, q.who)
	return nil, err
}
