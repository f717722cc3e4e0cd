{{/*
Models with their settings: the defaults of `thinker`, and over them what the model sets. Returns {models: […]}, each
{root, component, model, settings, source}.
*/}}
{{- define "zen.models" -}}
{{- $models := list -}}
{{- $names := list -}}
{{- range .Values.models -}}
{{- if has .name $names -}}{{- fail (printf "models: %s is there twice" .name) -}}{{- end -}}
{{- $names = append $names .name -}}
{{- $settings := mergeOverwrite (deepCopy $.Values.thinker) (deepCopy (omit . "name" "source")) -}}
{{- $models = append $models (dict "model" .name "source" .source "settings" $settings) -}}
{{- end -}}
{{- dict "models" $models | toYaml -}}
{{- end }}
