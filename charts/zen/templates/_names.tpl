{{/* Names and labels. A component's dict is {root, component}, and {model} for what belongs to one model. */}}

{{- define "zen.fullname" -}}
{{- $chart := default .Chart.Name .Values.nameOverride -}}
{{- $own := ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- /* 30 leave room for "-thinker-" and a model's name in the 63 of a label. */ -}}
{{- default $own .Values.fullnameOverride | trunc 30 | trimSuffix "-" -}}
{{- end }}

{{- define "zen.name" -}}
{{- $base := printf "%s-%s" (include "zen.fullname" .root) .component -}}
{{- ternary (printf "%s-%s" $base .model) $base (not (empty .model)) -}}
{{- end }}

{{/* What selects the pods: never changes in the life of a release. */}}
{{- define "zen.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .model }}
zen/model: {{ . }}
{{- end }}
{{- end }}

{{- define "zen.labels" -}}
{{ include "zen.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: zen
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Labels of pods: without the chart's version, or a new chart would replace pods that it does not change. */}}
{{- define "zen.podLabels" -}}
{{ include "zen.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: zen
{{- end }}

{{- define "zen.metadata" -}}
name: {{ include "zen.name" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "zen.labels" . | nindent 2 }}
{{- end }}

{{/* The image of {root, image}. */}}
{{- define "zen.image" -}}
{{- $registry := default .root.Values.image.registry .root.Values.global.imageRegistry -}}
{{- $tag := default (default .root.Chart.AppVersion .root.Values.image.tag) .image.tag -}}
{{- $path := ternary (printf "%s/%s" $registry .image.repository) .image.repository (not (empty $registry)) -}}
{{- ternary (printf "%s@%s" $path .image.digest) (printf "%s:%s" $path $tag) (not (empty .image.digest)) -}}
{{- end }}

{{/* Port of a URL in {url}: written, or the one of its scheme. */}}
{{- define "zen.port" -}}
{{- $parts := urlParse .url -}}
{{- $written := regexFind ":[0-9]+$" $parts.host -}}
{{- $ofScheme := dict "http" "80" "redis" "6379" "rediss" "6379" -}}
{{- if $written -}}{{ trimPrefix ":" $written }}{{- else -}}{{ default "443" (get $ofScheme $parts.scheme) }}{{- end -}}
{{- end }}
