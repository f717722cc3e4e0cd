{{/* Edges of the service graph, as egress rules. */}}

{{- define "zen.egress.dns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - { protocol: UDP, port: 53 }
    - { protocol: TCP, port: 53 }
    # CoreDNS listens here where it may not bind 53; policies see the port after the Service.
    - { protocol: UDP, port: 5353 }
    - { protocol: TCP, port: 5353 }
{{- end }}

{{- define "zen.egress.tracing" -}}
{{- with .Values.tracing.endpoint }}
- to:
    {{- toYaml $.Values.networkPolicy.tracing | nindent 4 }}
  ports:
    - { protocol: TCP, port: {{ include "zen.port" (dict "url" .) }} }
{{- end }}
{{- end }}

{{/* For whoever watches something there. */}}
{{- define "zen.egress.apiServer" -}}
- to:
    {{- toYaml .Values.networkPolicy.apiServer | nindent 4 }}
  ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
{{- end }}

{{- define "zen.egress.deltaStore" -}}
{{- if .Values.deltaStore.enabled -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "zen.selector" (dict "root" . "component" "delta-store") | nindent 10 }}
  ports:
    - { protocol: TCP, port: 50061 }
{{- end }}
{{- end }}

{{/* Scrapers may reach {root, port}. */}}
{{- define "zen.ingress.prometheus" -}}
{{- with .root.Values.networkPolicy.prometheus }}
- from:
    {{- toYaml . | nindent 4 }}
  ports:
    - { protocol: TCP, port: {{ $.port }} }
{{- end }}
{{- end }}
