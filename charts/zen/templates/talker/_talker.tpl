{{/* Where gateways find talkers: the pods themselves, as they choose among them. */}}
{{- define "zen.talker.addresses" -}}
{{- $service := include "zen.name" (dict "root" . "component" "talker") -}}
{{- ternary (printf "kubernetes:///%s:grpc" $service) (printf "%s.%s:50091" $service .Release.Namespace) (eq .Values.gateway.discovery.mode "kubernetes") -}}
{{- end }}

{{/* Parts of its Deployment. */}}
{{- define "zen.talker.env" -}}
{{- $s := .Values.talker -}}
- { name: ZEN_LISTEN, value: "0.0.0.0:50091" }
- { name: ZEN_PROBE_LISTEN, value: "0.0.0.0:9090" }
- { name: ZEN_HOME, value: /cache }
- { name: ZEN_TALKER_VOICES, value: {{ join "," $s.voices | quote }} }
- { name: ZEN_TALKER_THREADS, value: {{ $s.threads | quote }} }
- { name: ZEN_TALKER_MAX_SPEAKING, value: {{ $s.maxSpeaking | quote }} }
- { name: ZEN_TALKER_EARS, value: {{ $s.ears | quote }} }
- { name: ZEN_TALKER_MAX_LISTENING, value: {{ $s.maxListening | quote }} }
{{- include "zen.tls.env" (dict "root" .) | nindent 0 }}
{{- end }}

{{- define "zen.talker.mounts" -}}
- { name: cache, mountPath: /cache }
{{- include "zen.tls.mounts" (dict "root" .) | nindent 0 }}
{{- end }}

{{- define "zen.talker.volumes" -}}
{{- $cache := .Values.talker.cache -}}
- name: cache
{{- if eq $cache.type "hostPath" }}
  hostPath: { path: {{ $cache.hostPath | quote }}, type: DirectoryOrCreate }
{{- else if eq $cache.type "claim" }}
  persistentVolumeClaim: { claimName: {{ required "talker.cache.existingClaim: name the claim, as talker.cache.type is claim" $cache.existingClaim }} }
{{- else if eq $cache.type "ephemeral" }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        {{- with $cache.storageClass }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources:
          requests:
            storage: {{ $cache.size }}
{{- else }}
  emptyDir: { sizeLimit: {{ $cache.size }} }
{{- end }}
{{- include "zen.tls.volumes" (dict "root" . "component" "talker") | nindent 0 }}
{{- end }}
