{{/* Name of the Secret with the certificate of {root, component}. */}}
{{- define "zen.tls.secret" -}}
{{- $tls := .root.Values.tls -}}
{{- if eq $tls.mode "certManager" -}}
{{ include "zen.name" . }}-tls
{{- else -}}
{{- $value := ternary "deltaStore" .component (eq .component "delta-store") -}}
{{- required (printf "tls.secrets.%s: name the Secret of the %s, as tls.mode is secret" $value .component) (get $tls.secrets $value) -}}
{{- end -}}
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
