{{/* The router of any pool; the operator fills in which. */}}
{{- define "zen.expertRouter.workload" -}}
{{- $parts := dict "root" . "component" "expert-router" "settings" (merge (dict "replicas" 0) .Values.expertRouter) -}}
{{- $_ := set $parts "automount" true -}}
{{- $_ := set $parts "ports" (list (dict "name" "grpc" "containerPort" 50081) (dict "name" "metrics" "containerPort" 9090)) -}}
{{- $_ := set $parts "probePort" 50081 -}}
{{- $_ := set $parts "env" (include "zen.expertRouter.env" . | fromYamlArray) -}}
{{- include "zen.workload" $parts -}}
{{- end }}

{{- define "zen.expertRouter.env" -}}
- { name: ZEN_LISTEN, value: "0.0.0.0:50081" }
- { name: ZEN_PROBE_LISTEN, value: "0.0.0.0:9090" }
{{- end }}
