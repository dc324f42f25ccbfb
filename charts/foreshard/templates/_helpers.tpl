{{- define "foreshard.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "foreshard.labels" -}}
app.kubernetes.io/name: foreshard
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "foreshard.selector" -}}
app.kubernetes.io/name: foreshard
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "foreshard.image" -}}
{{- $values := index . 0 -}}
{{- with $values.images.registry }}{{ . }}/{{ end }}foreshard-{{ index . 1 }}:{{ $values.images.tag }}
{{- end -}}

{{- define "foreshard.prometheusUrl" -}}
{{- if .Values.prometheus.enabled -}}
http://{{ include "foreshard.name" . }}-prometheus.{{ .Release.Namespace }}.svc:9090
{{- else -}}
{{ .Values.prometheus.url }}
{{- end -}}
{{- end -}}

{{/* Not empty: the admission webhook is there. In one namespace only where it is asked for, since its configuration belongs to the
cluster. */}}
{{- define "foreshard.webhook" -}}
{{- if and .Values.webhook.enabled (or (not .Values.watchNamespace) .Values.webhook.withWatchNamespace) -}}
true
{{- end -}}
{{- end -}}

{{- define "foreshard.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "foreshard.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* files/alerts.yaml without what is disabled, with the page of each alert and the labels that are wanted. */}}
{{- define "foreshard.alerts" -}}
{{- $root := . -}}
{{- $file := .Files.Get "files/alerts.yaml" | fromYaml -}}
{{- $known := dict -}}
{{- $groups := list -}}
{{- range $group := $file.groups -}}
{{- $rules := list -}}
{{- range $rule := $group.rules -}}
{{- $_ := set $known $rule.alert true -}}
{{- if not (has $rule.alert $root.Values.alerts.disabled) -}}
{{- $_ := set $rule.annotations "runbook_url" (printf "%s%s.md" $root.Values.alerts.runbookURL (kebabcase $rule.alert)) -}}
{{- $_ := set $rule "labels" (merge (deepCopy $root.Values.alerts.labels) $rule.labels) -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $groups = append $groups (dict "name" $group.name "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{- range $root.Values.alerts.disabled -}}
{{- if not (hasKey $known .) -}}
{{- fail (printf "alerts.disabled: there is no alert %s; known: %s" . (keys $known | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "groups" $groups) -}}
{{- end -}}

{{/* What the operator may do to the sets it looks after; used by a ClusterRole or by a Role. */}}
{{- define "foreshard.rules" -}}
- apiGroups: [foreshard.dev]
  resources: [shardsets]
  verbs: [get, list, watch, patch]
- apiGroups: [foreshard.dev]
  resources: [shardsets/status]
  verbs: [get, patch]
- apiGroups: [foreshard.dev]
  resources: [shardsets/finalizers]
  verbs: [update]
- apiGroups: [foreshard.dev]
  resources: [shardmigrations]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [foreshard.dev]
  resources: [shardmigrations/status]
  verbs: [get, update, patch]
- apiGroups: [foreshard.dev]
  resources: [shardmigrations/finalizers]
  verbs: [update]
- apiGroups: [foreshard.dev]
  resources: [routingtables]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [foreshard.dev]
  resources: [loadevents]
  verbs: [get, list, watch]
- apiGroups: [foreshard.dev]
  resources: [loadevents/status]
  verbs: [get, patch]
- apiGroups: [apps]
  resources: [statefulsets, deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, secrets, configmaps, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, patch, delete]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
# A Role may only be made by who holds what it grants: the next two are what Patroni needs for its leader's lock.
- apiGroups: [""]
  resources: [endpoints]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, update, patch, delete]
{{- end -}}
