{{/* The router of any pool; the operator fills in which. */}}
{{- define "zen.expertRouter.workload" -}}
{{- $parts := dict "root" . "component" "expert-router" "settings" (merge (dict "replicas" 0) .Values.expertRouter) -}}
{{- $_ := set $parts "automount" true -}}
{{- $_ := merge $parts (include "zen.tls.ports" (dict "root" . "port" 50081) | fromYaml) -}}
{{- $_ := set $parts "env" (include "zen.expertRouter.env" . | fromYamlArray) -}}
{{- $_ := set $parts "mounts" (include "zen.tls.mounts" $parts | fromYamlArray) -}}
{{- $_ := set $parts "volumes" (include "zen.tls.volumes" $parts | fromYamlArray) -}}
{{- include "zen.workload" $parts -}}
{{- end }}

{{- define "zen.expertRouter.env" -}}
- { name: ZEN_LISTEN, value: "0.0.0.0:50081" }
- { name: ZEN_PROBE_LISTEN, value: "0.0.0.0:9090" }
{{- include "zen.tls.env" (dict "root" . "calls" true) | nindent 0 }}
{{- if ne .Values.tls.mode "off" }}
# It dials pods by address; those of all pools bear this one name.
- { name: ZEN_TLS_SERVER_NAME, value: {{ include "zen.name" (dict "root" . "component" "expert") }} }
{{- end }}
{{- end }}
