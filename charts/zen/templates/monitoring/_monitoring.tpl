{{/* A ServiceMonitor for {root, component, port}. */}}
{{- define "zen.serviceMonitor" -}}
{{- $monitor := .root.Values.monitoring.serviceMonitor -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  {{- include "zen.metadata" . | nindent 2 }}
    {{- with $monitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "zen.selector" . | nindent 6 }}
  namespaceSelector:
    matchNames: [{{ .root.Release.Namespace }}]
  endpoints:
    - port: {{ .port }}
      path: /metrics
      interval: {{ $monitor.interval }}
  # Bounded labels make a few hundred series; far more would be a fault that must not reach Prometheus.
  sampleLimit: 20000
{{- end }}
