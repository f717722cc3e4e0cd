// Configuration files of the components, written into the run folder.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroup } from './components.mjs';
import { nodeIp } from './network.mjs';
import { cache, DNS_IP, inside, NODE_POD_CIDR, REGISTRY, run as runFolder } from './settings.mjs';

export const PAUSE_IMAGE = 'localhost/zen/pause:1';

const containerd = () => `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE a pod's first process cannot lower its score, and every sandbox dies.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${inside.run}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${inside.run}/certs.d"
`;

const hosts = () => `server = "http://${nodeIp()}:5000"
[host."http://${nodeIp()}:5000"]
  capabilities = ["pull", "resolve"]
`;

const registry = () => `version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: ${inside.cache}/registry}
  delete: {enabled: true}
http: {addr: "${nodeIp()}:5000"}
`;

const cni = () =>
  JSON.stringify({
    cniVersion: '0.4.0',
    name: 'zen',
    plugins: [
      {
        type: 'bridge',
        bridge: 'zen0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: NODE_POD_CIDR }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });

const kubelet = () =>
  JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${inside.run}/pki/ca.crt` },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup()}`,
    failSwapOn: false,
    failCgroupV1: false,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    tlsCertFile: `${inside.run}/pki/kubelet.crt`,
    tlsPrivateKeyFile: `${inside.run}/pki/kubelet.key`,
    clusterDNS: [DNS_IP],
    clusterDomain: 'cluster.local',
    // Pods have no way out of this machine, so no name server outside either.
    resolvConf: `${inside.run}/resolv.conf`,
    // Disk pressure of the machine that runs the tests is not the cluster's business.
    evictionHard: { 'memory.available': '100Mi' },
    imageGCHighThresholdPercent: 100,
    serializeImagePulls: false,
    registryPullQPS: 0,
    eventRecordQPS: 0,
  });

export function writeConfiguration() {
  const write = (name, text) => {
    const path = join(runFolder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
  };
  write('containerd.toml', containerd());
  write(`certs.d/${REGISTRY}/hosts.toml`, hosts());
  write('registry.yaml', registry());
  write('cni/10-zen.conflist', cni());
  write('kubelet.yaml', kubelet());
  write('resolv.conf', '');
  mkdirSync(join(cache, 'registry'), { recursive: true });
}
