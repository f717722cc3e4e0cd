{{/* Where gateways and thinkers reach it; by a name that its certificate bears. */}}
{{- define "zen.deltaStore.address" -}}
{{ include "zen.fullname" . }}-delta-store:50061
{{- end }}

{{/* Secret with the key that signs what services let each other do. */}}
{{- define "zen.deltaStore.serviceSecret" -}}
{{- default (printf "%s-service-key" (include "zen.fullname" .)) .Values.deltaStore.serviceKey.existingSecret -}}
{{- end }}

{{/* Secret with the key that wraps the tenants' keys. */}}
{{- define "zen.deltaStore.masterSecret" -}}
{{- default (printf "%s-delta-master-key" (include "zen.fullname" .)) .Values.deltaStore.masterKey.existingSecret -}}
{{- end }}

{{- define "zen.deltaStore.claim" -}}
{{- default (printf "%s-deltas" (include "zen.fullname" .)) .Values.deltaStore.storage.existingClaim -}}
{{- end }}

{{/* A random key of an earlier revision, or a new one: {root, name}. */}}
{{- define "zen.keptKey" -}}
{{- $old := lookup "v1" "Secret" .root.Release.Namespace .name -}}
{{- if hasKey ($old.data | default dict) "key" -}}
{{ $old.data.key | b64dec }}
{{- else -}}
{{ randAlphaNum 43 }}
{{- end -}}
{{- end }}

{{/* What gateways and thinkers need to use the store. */}}
{{- define "zen.deltas.env" -}}
{{- if .Values.deltaStore.enabled -}}
- { name: ZEN_DELTA_STORE, value: {{ include "zen.deltaStore.address" . | quote }} }
- { name: ZEN_SERVICE_KEY, value: /etc/zen/service/key }
{{- end }}
{{- end }}

{{- define "zen.deltas.mounts" -}}
{{- if .Values.deltaStore.enabled -}}
- { name: service-key, mountPath: /etc/zen/service, readOnly: true }
{{- end }}
{{- end }}

{{- define "zen.deltas.volumes" -}}
{{- if .Values.deltaStore.enabled -}}
- name: service-key
  secret:
    secretName: {{ include "zen.deltaStore.serviceSecret" . }}
    items: [{ key: key, path: key }]
{{- end }}
{{- end }}

{{/* Parts of its Deployment. */}}
{{- define "zen.deltaStore.env" -}}
{{- $s := .Values.deltaStore -}}
- { name: ZEN_LISTEN, value: "0.0.0.0:50061" }
- { name: ZEN_PROBE_LISTEN, value: "0.0.0.0:9090" }
- { name: ZEN_DELTA_STORAGE, value: {{ ternary $s.storage.address "/deltas" (eq $s.storage.type "s3") | quote }} }
- { name: ZEN_SERVICE_KEY, value: /etc/zen/service/key }
- { name: ZEN_MASTER_KEY, value: /etc/zen/master/key }
- { name: ZEN_DELTA_QUOTA_BYTES, value: {{ $s.quota.bytes | quote }} }
- { name: ZEN_DELTA_QUOTA_VERSIONS, value: {{ $s.quota.versions | quote }} }
- { name: ZEN_DELTA_QUOTA_PUBLISHES, value: {{ $s.quota.publishesPerMinute | quote }} }
- { name: ZEN_DELTA_GRACE, value: {{ printf "%ds" (int $s.collectAfterSeconds) | quote }} }
- { name: ZEN_DELTA_LEASE, value: {{ printf "%ds" (int $s.leaseSeconds) | quote }} }
{{- with $s.builds.bases }}
{{- $bases := list }}
{{- range . }}
{{- $bases = append $bases (trimSuffix "/" (printf "%s=/bases/%s/%s" .name .name (default "" .path))) }}
{{- end }}
- { name: ZEN_DELTA_BASES, value: {{ join "," $bases | quote }} }
- { name: TMPDIR, value: /scratch }
{{- include "zen.redis.env" $ | nindent 0 }}
{{- end }}
{{- include "zen.tls.env" (dict "root" .) | nindent 0 }}
{{- end }}

{{- define "zen.deltaStore.mounts" -}}
- { name: master-key, mountPath: /etc/zen/master, readOnly: true }
{{ include "zen.deltas.mounts" . }}
{{- if eq .Values.deltaStore.storage.type "claim" }}
- { name: deltas, mountPath: /deltas }
{{- end }}
{{- with .Values.deltaStore.builds.bases }}
- { name: scratch, mountPath: /scratch }
{{- range . }}
- { name: base-{{ .name }}, mountPath: /bases/{{ .name }}, readOnly: true }
{{- end }}
{{- include "zen.redis.mounts" $ | nindent 0 }}
{{- end }}
{{- include "zen.tls.mounts" (dict "root" .) | nindent 0 }}
{{- end }}

{{- define "zen.deltaStore.volumes" -}}
- name: master-key
  secret:
    secretName: {{ include "zen.deltaStore.masterSecret" . }}
    items: [{ key: key, path: key }]
{{ include "zen.deltas.volumes" . }}
{{- if eq .Values.deltaStore.storage.type "claim" }}
- name: deltas
  persistentVolumeClaim: { claimName: {{ include "zen.deltaStore.claim" . }} }
{{- end }}
{{- with .Values.deltaStore.builds.bases }}
- name: scratch
  emptyDir: { sizeLimit: {{ $.Values.deltaStore.builds.scratch }} }
{{- range . }}
- name: base-{{ .name }}
  {{- if .claim }}
  persistentVolumeClaim: { claimName: {{ .claim | quote }}, readOnly: true }
  {{- else if .hostPath }}
  hostPath: { path: {{ .hostPath | quote }}, type: Directory }
  {{- else }}
  image: { reference: {{ .image | quote }}, pullPolicy: {{ $.Values.image.pullPolicy }} }
  {{- end }}
{{- end }}
{{- include "zen.redis.volumes" $ | nindent 0 }}
{{- end }}
{{- include "zen.tls.volumes" (dict "root" . "component" "delta-store") | nindent 0 }}
{{- end }}
