{{/* HorizontalPodAutoscaler, PodDisruptionBudget, ServiceAccount and RoleBinding of {root, component, model?, settings}. */}}

{{- define "zen.autoscaler" -}}
{{- $a := .settings.autoscaling -}}
{{- if lt (int $a.max) (int $a.min) -}}
{{- fail (printf "%s: autoscaling.max is %v, below autoscaling.min, %v" (include "zen.name" .) $a.max $a.min) -}}
{{- end -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "zen.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "zen.name" . }}
  minReplicas: {{ $a.min }}
  maxReplicas: {{ $a.max }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ $a.cpuPercent }}
    {{- range $a.podMetrics }}
    - type: Pods
      pods:
        metric:
          name: {{ .name }}
          {{- with .labels }}
          selector:
            matchLabels:
              {{- toYaml . | nindent 14 }}
          {{- end }}
        target:
          type: AverageValue
          averageValue: {{ .averageValue | quote }}
    {{- end }}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: {{ $a.scaleDownSeconds }}
{{- end }}

{{- define "zen.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "zen.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .settings.disruptionBudget.maxUnavailable }}
  # A pod that serves nobody must not hold up a drain.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "zen.selector" . | nindent 6 }}
{{- end }}

{{- define "zen.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "zen.metadata" . | nindent 2 }}
# Pods ask for a token themselves, where they need one.
automountServiceAccountToken: false
{{- end }}

{{- define "zen.roleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "zen.metadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "zen.name" . }}
subjects:
  - kind: ServiceAccount
    name: {{ include "zen.name" . }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
