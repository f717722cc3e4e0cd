{{/* Parts of one model's Deployment; each takes an entry of zen.models with {root, component} set. */}}

{{- define "zen.thinker.workload" -}}
{{- $_ := merge . (include "zen.tls.ports" (dict "root" .root "port" 50051) | fromYaml) -}}
{{- $_ := set . "env" (include "zen.thinker.env" . | fromYamlArray) -}}
{{- with .settings.credentials.envSecret -}}
{{- $_ := set $ "envFrom" (list (dict "secretRef" (dict "name" .))) -}}
{{- end -}}
{{- $_ := set . "mounts" (include "zen.thinker.mounts" . | fromYamlArray) -}}
{{- $_ := set . "volumes" (include "zen.thinker.volumes" . | fromYamlArray) -}}
{{- include "zen.workload" . -}}
{{- end }}

{{- define "zen.thinker.ladder" -}}
{{- if .source.address -}}{{ .source.address }}
{{- else -}}{{ trimSuffix "/" (printf "/ladder/%s" (trimPrefix "/" (default "" .source.path))) }}
{{- end -}}
{{- end }}

{{- define "zen.thinker.env" -}}
{{- $s := .settings -}}
{{- $values := .root.Values -}}
- { name: ZEN_LADDER, value: {{ include "zen.thinker.ladder" . | quote }} }
- { name: ZEN_HOME, value: /cache }
- { name: ZEN_LISTEN, value: "0.0.0.0:50051" }
- { name: ZEN_PROBE_LISTEN, value: "0.0.0.0:9090" }
- { name: ZEN_THREADS, value: {{ $s.threads | quote }} }
- { name: ZEN_KV_BYTES, value: {{ $s.kvBytes | quote }} }
{{- if $values.deltaStore.enabled }}
{{ include "zen.deltas.env" .root }}
- { name: ZEN_DELTA_SLOTS, value: {{ $s.deltas.slots | quote }} }
- { name: ZEN_DELTA_SLOT_BYTES, value: {{ $s.deltas.slotBytes | quote }} }
- { name: ZEN_DENSE_SLOTS, value: {{ $s.deltas.denseSlots | quote }} }
- { name: ZEN_DELTA_HOST_BYTES, value: {{ $s.deltas.hostBytes | quote }} }
- { name: ZEN_DELTA_DISK_BYTES, value: {{ $s.deltas.diskBytes | quote }} }
{{- end }}
{{- if $s.credentials.dockerConfigSecret }}
- { name: DOCKER_CONFIG, value: /etc/zen/docker }
{{- end }}
{{- include "zen.tls.env" (dict "root" .root "calls" (or $values.deltaStore.enabled $values.operator.enabled)) | nindent 0 }}
{{- if and $values.operator.enabled (ne $values.tls.mode "off") }}
# Routers are named after their pools and pods dialled by address; the certificates of all pools bear these names.
- { name: ZEN_EXPERT_ROUTER_SERVER_NAME, value: {{ include "zen.name" (dict "root" .root "component" "expert-router") }} }
- { name: ZEN_EXPERT_SERVER_NAME, value: {{ include "zen.name" (dict "root" .root "component" "expert") }} }
{{- end }}
{{- end }}

{{- define "zen.thinker.mounts" -}}
- { name: cache, mountPath: /cache }
{{- include "zen.deltas.mounts" .root | nindent 0 }}
{{- if not .source.address }}
- { name: ladder, mountPath: /ladder, readOnly: true }
{{- end }}
{{- if .settings.credentials.dockerConfigSecret }}
- { name: docker-config, mountPath: /etc/zen/docker, readOnly: true }
{{- end }}
{{- include "zen.tls.mounts" . | nindent 0 }}
{{- end }}

{{- define "zen.thinker.volumes" -}}
{{- $cache := .settings.cache -}}
- name: cache
{{- if eq $cache.type "hostPath" }}
  hostPath: { path: {{ $cache.hostPath | quote }}, type: DirectoryOrCreate }
{{- else if eq $cache.type "claim" }}
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-cache" (include "zen.name" .)) $cache.existingClaim }}
{{- else if eq $cache.type "ephemeral" }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        {{- include "zen.thinker.claim" . | nindent 8 }}
{{- else }}
  emptyDir: { sizeLimit: {{ $cache.size }} }
{{- end }}
{{- include "zen.deltas.volumes" .root | nindent 0 }}
{{- with .source.image }}
- name: ladder
  image: { reference: {{ . | quote }}, pullPolicy: {{ $.root.Values.image.pullPolicy }} }
{{- end }}
{{- with .source.hostPath }}
- name: ladder
  hostPath: { path: {{ . | quote }}, type: Directory }
{{- end }}
{{- with .source.claim }}
- name: ladder
  persistentVolumeClaim: { claimName: {{ . | quote }}, readOnly: true }
{{- end }}
{{- with .settings.credentials.dockerConfigSecret }}
- name: docker-config
  secret:
    secretName: {{ . }}
    items: [{ key: .dockerconfigjson, path: config.json }]
{{- end }}
{{- include "zen.tls.volumes" . | nindent 0 }}
{{- end }}

{{- define "zen.thinker.claim" -}}
{{- $cache := .settings.cache -}}
accessModes: [ReadWriteOnce]
{{- with $cache.storageClass }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ $cache.size }}
{{- end }}
