{{/* The expert pod of any pool; the operator fills in what a pool says. */}}
{{- define "zen.expert.workload" -}}
{{- $parts := dict "root" . "component" "expert" "settings" .Values.expert "source" (dict "address" "unset") -}}
{{- $_ := set $parts "settings" (merge (dict "strategy" (dict "maxSurge" 1 "maxUnavailable" 0) "replicas" 0) $parts.settings) -}}
{{- $_ := merge $parts (include "zen.tls.ports" (dict "root" . "port" 50071) | fromYaml) -}}
{{- $_ := set $parts "env" (include "zen.expert.env" $parts | fromYamlArray) -}}
{{- with .Values.expert.credentials.envSecret -}}
{{- $_ := set $parts "envFrom" (list (dict "secretRef" (dict "name" .))) -}}
{{- end -}}
{{- $_ := set $parts "mounts" (include "zen.expert.mounts" $parts | fromYamlArray) -}}
{{- $_ := set $parts "volumes" (include "zen.expert.volumes" $parts | fromYamlArray) -}}
{{- include "zen.workload" $parts -}}
{{- end }}

{{- define "zen.expert.env" -}}
- { name: ZEN_LADDER, value: unset }
- { name: ZEN_HOME, value: /cache }
- { name: ZEN_LISTEN, value: "0.0.0.0:50071" }
- { name: ZEN_PROBE_LISTEN, value: "0.0.0.0:9090" }
- { name: ZEN_THREADS, value: {{ .settings.threads | quote }} }
{{- if .settings.credentials.dockerConfigSecret }}
- { name: DOCKER_CONFIG, value: /etc/zen/docker }
{{- end }}
{{- include "zen.tls.env" . | nindent 0 }}
{{- end }}

{{- define "zen.expert.mounts" -}}
- { name: cache, mountPath: /cache }
{{- if .settings.credentials.dockerConfigSecret }}
- { name: docker-config, mountPath: /etc/zen/docker, readOnly: true }
{{- end }}
{{- include "zen.tls.mounts" . | nindent 0 }}
{{- end }}

{{- define "zen.expert.volumes" -}}
{{- $cache := .settings.cache -}}
- name: cache
{{- if eq $cache.type "hostPath" }}
  hostPath: { path: {{ $cache.hostPath | quote }}, type: DirectoryOrCreate }
{{- else if eq $cache.type "ephemeral" }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        {{- include "zen.thinker.claim" . | nindent 8 }}
{{- else }}
  emptyDir: { sizeLimit: {{ $cache.size }} }
{{- end }}
{{- with .settings.credentials.dockerConfigSecret }}
- name: docker-config
  secret:
    secretName: {{ . }}
    items: [{ key: .dockerconfigjson, path: config.json }]
{{- end }}
{{- include "zen.tls.volumes" . | nindent 0 }}
{{- end }}
