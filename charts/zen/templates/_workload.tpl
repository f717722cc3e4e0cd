{{/*
The one Deployment of the chart. Takes {root, component, model?, settings} and what differs between components:
  ports       [{name, containerPort}]
  probePort   port of plaintext gRPC health
  env         [{name, value | valueFrom}]
  envFrom     []
  mounts      []
  volumes     []
  checksum    of what a pod reads only at its start; absent for nothing
  priority    name of the chart's PriorityClass
Deployments all the way: replicas are found by EndpointSlices and keep nothing that another could not fetch, so none
needs a name or a claim of its own, and a surge keeps a model with one replica reachable through an upgrade.
*/}}
{{- define "zen.workload" -}}
{{- $values := .root.Values -}}
{{- $s := .settings -}}
{{- if not (or $s.strategy.maxSurge $s.strategy.maxUnavailable) -}}
{{- fail (printf "%s: strategy.maxSurge and strategy.maxUnavailable are both 0, so no upgrade could begin" (include "zen.name" .)) -}}
{{- end -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "zen.metadata" . | nindent 2 }}
spec:
  {{- if not ($s.autoscaling).enabled }}
  replicas: {{ $s.replicas }}
  {{- end }}
  # Three versions to roll back to.
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: {{ $s.strategy.maxSurge }}
      maxUnavailable: {{ $s.strategy.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "zen.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "zen.podLabels" . | nindent 8 }}
        {{- with $s.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: {{ .component }}
        {{- with .checksum }}
        zen/checksum: {{ . }}
        {{- end }}
        {{- with $s.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "zen.name" (omit . "model") }}
      automountServiceAccountToken: {{ .automount | default false }}
      enableServiceLinks: false
      {{- with $values.global.imagePullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      {{- with default (ternary (printf "%s-%s" (include "zen.fullname" .root) .component) "" $values.priorityClasses.create) $s.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $s.runtimeClassName }}
      runtimeClassName: {{ . }}
      {{- end }}
      # Doors open for settle, answers for grace, 5 s to say last words and close. No preStop hook: the process itself
      # keeps its doors open while endpoints and routes hear that it goes.
      terminationGracePeriodSeconds: {{ add $s.settleSeconds $s.graceSeconds 5 }}
      securityContext:
        {{- include "zen.podSecurity" . | nindent 8 }}
      {{- if $s.topologySpread.enabled }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: {{ $s.topologySpread.maxSkew }}
          topologyKey: {{ . }}
          whenUnsatisfiable: {{ $s.topologySpread.whenUnsatisfiable }}
          # Only pods of one version count, or an upgrade could not place its first pod.
          matchLabelKeys: [pod-template-hash]
          labelSelector:
            matchLabels:
              {{- include "zen.selector" $ | nindent 14 }}
        {{- end }}
      {{- end }}
      {{- with $s.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $s.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "zen.image" (dict "root" .root "image" $s.image) }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          securityContext:
            {{- include "zen.containerSecurity" . | nindent 12 }}
          ports:
            {{- range .ports }}
            - name: {{ .name }}
              containerPort: {{ .containerPort }}
              protocol: TCP
            {{- end }}
          env:
            {{- toYaml .env | nindent 12 }}
            - name: ZEN_SETTLE
              value: {{ printf "%ds" (int $s.settleSeconds) | quote }}
            - name: ZEN_GRACE
              value: {{ printf "%ds" (int $s.graceSeconds) | quote }}
            {{- if $s.connectionAgeSeconds }}
            - name: ZEN_CONNECTION_AGE
              value: {{ printf "%ds" (int $s.connectionAgeSeconds) | quote }}
            {{- end }}
            - name: ZEN_LOG_LEVEL
              value: {{ $values.logLevel }}
            {{- with $values.tracing.endpoint }}
            - name: OTEL_EXPORTER_OTLP_ENDPOINT
              value: {{ . | quote }}
            {{- end }}
            {{- range $name, $value := $s.env }}
            - name: {{ $name }}
              value: {{ $value | quote }}
            {{- end }}
          {{- with .envFrom }}
          envFrom:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          # The health name `live` says that the process answers; the empty name, that it can serve. So a pod that
          # loads is alive and not ready, and nothing kills it however long it takes.
          startupProbe:
            grpc: { port: {{ .probePort }}, service: live }
            periodSeconds: 1
            failureThreshold: {{ $s.probes.startupSeconds }}
          livenessProbe:
            grpc: { port: {{ .probePort }}, service: live }
            periodSeconds: {{ $s.probes.livenessSeconds }}
            # A machine that is short of time answers late, and a restart would not help it.
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            grpc: { port: {{ .probePort }} }
            periodSeconds: {{ $s.probes.readinessSeconds }}
            timeoutSeconds: 2
            failureThreshold: 2
          resources:
            {{- toYaml $s.resources | nindent 12 }}
          volumeMounts:
            {{- with .mounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
            - name: tmp
              mountPath: /tmp
      volumes:
        {{- with .volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        # The root is read-only; what a library may drop here is small.
        - name: tmp
          emptyDir:
            sizeLimit: 64Mi
{{- end }}

{{- define "zen.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
# Volumes may hold gigabytes: walk them only where the owner is wrong.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "zen.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities:
  drop: [ALL]
{{- end }}
