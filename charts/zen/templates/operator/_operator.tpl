{{/* What pods of the operator look like: rendered with the templates of the chart's own, as JSON. */}}
{{- define "zen.operator.blueprint" -}}
{{- $values := .Values -}}
{{- if and (eq $values.thinker.cache.type "claim") (not $values.thinker.cache.existingClaim) -}}
{{- fail "thinker.cache.type: claim makes one for each of `models`; with operator.enabled take ephemeral, or name thinker.cache.existingClaim" -}}
{{- end -}}
{{- $network := "null" -}}
{{- if $values.networkPolicy.enabled -}}
{{- $network = dict
  "dns" (include "zen.egress.dns" . | fromYamlArray)
  "tracing" (include "zen.egress.tracing" . | fromYamlArray)
  "apiServer" (include "zen.egress.apiServer" . | fromYamlArray)
  "sources" $values.networkPolicy.sources
  "prometheus" (include "zen.ingress.prometheus" (dict "root" . "port" 9090) | fromYamlArray)
  | toJson -}}
{{- end -}}
{
  {{- /* Without metadata: a new version of the chart must not be a new blueprint. */}}
  {{- $thinker := include "zen.thinker.workload" (dict "root" . "component" "thinker" "settings" $values.thinker "source" (dict "address" "unset")) | fromYaml }}
  "thinker": {{ pick $thinker "kind" "spec" | toJson }},
  "expert": {{ pick (include "zen.expert.workload" . | fromYaml) "kind" "spec" | toJson }},
  "expertRouter": {{ pick (include "zen.expertRouter.workload" . | fromYaml) "kind" "spec" | toJson }},
  "disruptionBudgets": {{ dict "thinker" $values.thinker.disruptionBudget.enabled "expert" $values.expert.disruptionBudget.enabled | toJson }},
  "pullPolicy": {{ $values.image.pullPolicy | toJson }},
  "network": {{ $network }}
}
{{- end }}

{{- define "zen.operator.env" -}}
- { name: ZEN_BLUEPRINT, value: /etc/zen/operator/blueprint.json }
- { name: ZEN_LISTEN, value: "0.0.0.0:50091" }
- { name: ZEN_PROBE_LISTEN, value: "0.0.0.0:9090" }
{{- end }}
