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

{{/* What a service needs to use it; nothing where there is none. */}}
{{- define "zen.redis.env" -}}
{{- if ne .Values.redis.mode "none" }}
- { name: ZEN_REDIS, value: {{ include "zen.redis.url" . | quote }} }
{{- with include "zen.redis.password" . | fromYaml }}
- name: ZEN_REDIS_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ .name }}, key: {{ .key }} }
{{- end }}
{{- if include "zen.redis.ca" . }}
- { name: ZEN_REDIS_CA, value: /etc/zen/redis/ca.crt }
{{- end }}
{{- end }}
{{- end }}

{{- define "zen.redis.mounts" -}}
{{- if include "zen.redis.ca" . }}
- { name: redis-ca, mountPath: /etc/zen/redis, readOnly: true }
{{- end }}
{{- end }}

{{- define "zen.redis.volumes" -}}
{{- with include "zen.redis.ca" . }}
- name: redis-ca
  secret:
    secretName: {{ . }}
    items: [{ key: ca.crt, path: ca.crt }]
{{- end }}
{{- end }}

{{- define "zen.egress.redis" -}}
{{- if eq .Values.redis.mode "bundled" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "zen.selector" (dict "root" . "component" "redis") | nindent 10 }}
  ports:
    - { protocol: TCP, port: 6379 }
{{- else if eq .Values.redis.mode "external" -}}
- to:
    {{- toYaml .Values.networkPolicy.redis | nindent 4 }}
  ports:
    - { protocol: TCP, port: {{ include "zen.port" (dict "url" .Values.redis.external.url) }} }
{{- end }}
{{- end }}

{{/* Secret with the authority of the external Redis; empty where there is none. */}}
{{- define "zen.redis.ca" -}}
{{- if eq .Values.redis.mode "external" -}}{{ .Values.redis.external.caSecret }}{{- end -}}
{{- end }}
