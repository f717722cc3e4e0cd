{{- define "zen.redis.url" -}}
{{- if eq .Values.redis.mode "bundled" -}}
redis://{{ include "zen.fullname" . }}-redis:6379
{{- else -}}
{{- required "redis.external.url: give the address, as redis.mode is external" .Values.redis.external.url -}}
{{- end -}}
{{- end }}

{{/* {name, key} of the password; nothing where there is none. */}}
{{- define "zen.redis.password" -}}
{{- if eq .Values.redis.mode "bundled" -}}
name: {{ include "zen.redis.secret" . }}
key: password
{{- else if .Values.redis.external.passwordSecret -}}
name: {{ .Values.redis.external.passwordSecret }}
key: {{ .Values.redis.external.passwordKey }}
{{- end -}}
{{- end }}

{{- define "zen.redis.secret" -}}
{{- default (printf "%s-redis" (include "zen.fullname" .)) .Values.redis.existingSecret -}}
{{- end }}

{{/* Not from image.registry, where only our own images are; a global mirror has it too, without the host. */}}
{{- define "zen.redis.image" -}}
{{- $image := .Values.redis.image -}}
{{- $mirror := .Values.global.imageRegistry -}}
{{- $path := ternary (printf "%s/%s" $mirror (regexReplaceAll "^[^/]+[.:][^/]*/" $image.repository "")) $image.repository (not (empty $mirror)) -}}
{{- ternary (printf "%s@%s" $path $image.digest) (printf "%s:%s" $path $image.tag) (not (empty $image.digest)) -}}
{{- end }}

{{/* Secret with the authority of the external Redis; empty where there is none. */}}
{{- define "zen.redis.ca" -}}
{{- if eq .Values.redis.mode "external" -}}{{ .Values.redis.external.caSecret }}{{- end -}}
{{- end }}
