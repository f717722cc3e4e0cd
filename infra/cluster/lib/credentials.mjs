// Certificates of one cluster, made anew at every `up`, and a kubeconfig for each client.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';
import { API_SERVICE_IP, NODE, run as runFolder } from './settings.mjs';

const pki = join(runFolder, 'pki');
const openssl = (...argv) => run('openssl', argv, { cwd: pki });
const newKey = (name) =>
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);

function authority(name) {
  newKey(name);
  openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    `${name}.key`,
    '-out',
    `${name}.crt`,
    '-days',
    '365',
    '-subj',
    `/CN=zen-${name}`,
  );
}

function certificate(name, subject, ca, names = 'DNS:localhost') {
  newKey(name);
  writeFileSync(join(pki, `${name}.ext`), `subjectAltName=${names}\n`);
  openssl('req', '-new', '-key', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${ca}.crt`,
    '-CAkey',
    `${ca}.key`,
    '-CAcreateserial',
    '-out',
    `${name}.crt`,
    '-days',
    '365',
    '-extfile',
    `${name}.ext`,
  );
}

/** JSON is YAML, and what it embeds makes the file usable from anywhere. */
function kubeconfig(name, server) {
  const data = (file) => readFileSync(join(pki, file)).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'zen', cluster: { server, 'certificate-authority-data': data('ca.crt') } }],
    users: [
      {
        name,
        user: { 'client-certificate-data': data(`${name}.crt`), 'client-key-data': data(`${name}.key`) },
      },
    ],
    contexts: [{ name: 'zen', context: { cluster: 'zen', user: name } }],
    'current-context': 'zen',
  };
  writeFileSync(join(runFolder, `${name}.kubeconfig`), JSON.stringify(config, null, 1), { mode: 0o600 });
}

/** For people and tests, with every right. */
export const adminKubeconfig = join(runFolder, 'admin.kubeconfig');

export function createCredentials(nodeIp) {
  mkdirSync(pki, { recursive: true, mode: 0o700 });
  authority('ca');
  // What vouches for the API server towards extension servers must not vouch for clients.
  authority('front-ca');
  newKey('sa');
  openssl('ec', '-in', 'sa.key', '-pubout', '-out', 'sa.pub');
  const services = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost'].map(
    (n) => `DNS:${n}`,
  );
  certificate(
    'apiserver',
    '/CN=kube-apiserver',
    'ca',
    [...services, 'IP:127.0.0.1', `IP:${API_SERVICE_IP}`, `IP:${nodeIp}`].join(),
  );
  certificate('front', '/CN=front-proxy-client', 'front-ca');
  const clients = {
    admin: '/O=system:masters/CN=admin',
    'controller-manager': '/CN=system:kube-controller-manager',
    scheduler: '/CN=system:kube-scheduler',
    proxy: '/CN=system:kube-proxy',
    router: '/O=system:masters/CN=kube-router',
  };
  for (const [name, subject] of Object.entries(clients)) certificate(name, subject, 'ca');
  certificate('kubelet', `/O=system:nodes/CN=system:node:${NODE}`, 'ca', `DNS:${NODE},IP:${nodeIp}`);
  for (const name of [...Object.keys(clients), 'kubelet']) kubeconfig(name, `https://${nodeIp}:6443`);
}
