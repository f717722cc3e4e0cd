{{/* Where thinkers are, one entry for each model. */}}
{{- define "zen.gateway.thinkers" -}}
{{- $kubernetes := eq .Values.gateway.discovery.mode "kubernetes" -}}
{{- $entries := list -}}
{{- range (include "zen.models" . | fromYaml).models -}}
{{- $service := include "zen.name" (dict "root" $ "component" "thinker" "model" .model) -}}
{{- $entries = append $entries (ternary (printf "kubernetes:///%s:grpc" $service) (printf "%s.%s:50051" $service $.Release.Namespace) $kubernetes) -}}
{{- end -}}
{{- /* Those of ZenModels, whichever there are. */ -}}
{{- if .Values.operator.enabled -}}{{- $entries = append $entries "zenmodels://" -}}{{- end -}}
{{- join "," $entries -}}
{{- end }}

{{/* Name of the Secret with API keys; empty where there is none. */}}
{{- define "zen.gateway.keys" -}}
{{- $keys := .Values.gateway.keys -}}
{{- if $keys.existingSecret -}}{{ $keys.existingSecret }}
{{- else if or $keys.entries (and $keys.generate (not .Values.gateway.allowAnonymous)) -}}
{{ include "zen.fullname" . }}-api-keys
{{- end -}}
{{- end }}

{{- define "zen.gateway.resumeSecret" -}}
{{- default (printf "%s-resume-key" (include "zen.fullname" .)) .Values.gateway.resume.existingSecret -}}
{{- end }}

{{- define "zen.gateway.env" -}}
{{- $values := .Values -}}
- { name: ZEN_LISTEN, value: "0.0.0.0:8080" }
- { name: ZEN_GRPC_LISTEN, value: "0.0.0.0:50050" }
- { name: ZEN_THINKERS, value: {{ include "zen.gateway.thinkers" . | quote }} }
{{- if $values.talker.enabled }}
- { name: ZEN_TALKERS, value: {{ include "zen.talker.addresses" . | quote }} }
{{- end }}
- { name: ZEN_WEB, value: {{ ternary "on" "off" $values.gateway.web | quote }} }
- { name: ZEN_RESUME, value: {{ ternary "on" "off" $values.gateway.resume.enabled | quote }} }
{{- if $values.gateway.resume.enabled }}
- name: ZEN_RESUME_KEY
  valueFrom:
    secretKeyRef: { name: {{ include "zen.gateway.resumeSecret" . }}, key: key }
{{- end }}
{{- with $values.gateway.families }}
- { name: ZEN_FAMILIES, value: {{ . | quote }} }
{{- end }}
{{- if include "zen.gateway.keys" . }}
- { name: ZEN_API_KEYS, value: /etc/zen/keys }
{{- else if $values.gateway.allowAnonymous }}
- { name: ZEN_ALLOW_ANONYMOUS, value: "true" }
{{- end }}
{{- include "zen.redis.env" . | nindent 0 }}
{{- include "zen.deltas.env" . | nindent 0 }}
{{- if ne $values.tls.mode "off" }}
- { name: ZEN_TLS_CA, value: /etc/zen/tls/ca.crt }
# Gateways dial pods by address; all thinkers' certificates bear this one name.
- { name: ZEN_TLS_SERVER_NAME, value: {{ include "zen.fullname" . }}-thinker }
{{- if $values.talker.enabled }}
- { name: ZEN_TALKER_SERVER_NAME, value: {{ include "zen.name" (dict "root" . "component" "talker") }} }
{{- end }}
{{- if $values.tls.mutual }}
- { name: ZEN_TLS_CERT, value: /etc/zen/tls/tls.crt }
- { name: ZEN_TLS_KEY, value: /etc/zen/tls/tls.key }
{{- end }}
{{- end }}
{{- end }}

{{- define "zen.gateway.mounts" -}}
{{- if include "zen.gateway.keys" . }}
- { name: keys, mountPath: /etc/zen/keys, readOnly: true }
{{- end }}
{{- include "zen.redis.mounts" . | nindent 0 }}
{{- include "zen.deltas.mounts" . | nindent 0 }}
{{- if ne .Values.tls.mode "off" }}
- { name: tls, mountPath: /etc/zen/tls, readOnly: true }
{{- end }}
{{- end }}

{{- define "zen.gateway.volumes" -}}
{{- with include "zen.gateway.keys" . }}
- name: keys
  secret:
    secretName: {{ . }}
    {{- if not $.Values.gateway.keys.existingSecret }}
    # Only the digests: the plain key that the chart made stays out of the pod.
    items: [{ key: keys, path: keys }]
    {{- end }}
{{- end }}
{{- include "zen.redis.volumes" . | nindent 0 }}
{{- include "zen.deltas.volumes" . | nindent 0 }}
{{- if ne .Values.tls.mode "off" }}
- name: tls
  secret:
    secretName: {{ include "zen.tls.secret" (dict "root" . "component" "gateway") }}
    items:
      - { key: ca.crt, path: ca.crt }
      {{- if .Values.tls.mutual }}
      - { key: tls.crt, path: tls.crt }
      - { key: tls.key, path: tls.key }
      {{- end }}
{{- end }}
{{- end }}
