{{/* Name of the Secret with the certificate of {root, component}: one for all models. */}}
{{- define "zen.tls.secret" -}}
{{- $tls := .root.Values.tls -}}
{{- if eq $tls.mode "certManager" -}}
{{ include "zen.name" (omit . "model") }}-tls
{{- else -}}
{{- $value := .component | camelcase | untitle -}}
{{- required (printf "tls.secrets.%s: name the Secret of the %s, as tls.mode is secret" $value .component) (get $tls.secrets $value) -}}
{{- end -}}
{{- end }}

{{/* {ports, probePort} of a gRPC server of {root, port}: a kubelet's gRPC probes know no TLS, so health has a door of its own. */}}
{{- define "zen.tls.ports" -}}
{{- $tls := ne .root.Values.tls.mode "off" -}}
ports:
  - { name: grpc, containerPort: {{ .port }} }
  - { name: metrics, containerPort: 9090 }
  {{- if $tls }}
  - { name: health, containerPort: 50052 }
  {{- end }}
probePort: {{ ternary 50052 .port $tls }}
{{- end }}

{{/* Settings, mount and volume of such a server, of {root, component, calls}; `calls`: it checks others' certificates too. */}}
{{- define "zen.tls.env" -}}
{{- $tls := .root.Values.tls -}}
{{- if ne $tls.mode "off" -}}
- { name: ZEN_HEALTH_LISTEN, value: "0.0.0.0:50052" }
- { name: ZEN_TLS_CERT, value: /etc/zen/tls/tls.crt }
- { name: ZEN_TLS_KEY, value: /etc/zen/tls/tls.key }
{{- if or $tls.mutual .calls }}
- { name: ZEN_TLS_CA, value: /etc/zen/tls/ca.crt }
{{- end }}
{{- if $tls.mutual }}
- { name: ZEN_TLS_CLIENTS, value: require }
{{- end }}
{{- end }}
{{- end }}

{{- define "zen.tls.mounts" -}}
{{- if ne .root.Values.tls.mode "off" -}}
- { name: tls, mountPath: /etc/zen/tls, readOnly: true }
{{- end }}
{{- end }}

{{- define "zen.tls.volumes" -}}
{{- if ne .root.Values.tls.mode "off" -}}
- name: tls
  secret:
    secretName: {{ include "zen.tls.secret" . }}
{{- end }}
{{- end }}

{{/* A cert-manager Certificate for {root, component, usages, names}. */}}
{{- define "zen.certificate" -}}
{{- $tls := .root.Values.tls -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  {{- include "zen.metadata" . | nindent 2 }}
spec:
  secretName: {{ include "zen.tls.secret" . }}
  duration: {{ $tls.durationHours }}h
  renewBefore: {{ $tls.renewBeforeHours }}h
  privateKey:
    algorithm: ECDSA
    # P-256: what every TLS library does fast.
    size: 256
    rotationPolicy: Always
  usages: {{ toJson .usages }}
  dnsNames:
    {{- toYaml .names | nindent 4 }}
  issuerRef:
    name: {{ required "tls.issuer.name: name the issuer, as tls.mode is certManager" $tls.issuer.name }}
    kind: {{ $tls.issuer.kind }}
    group: cert-manager.io
{{- end }}
