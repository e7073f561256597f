{{- define "portolan.name" -}}
{{- if contains "portolan" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-portolan" (.Release.Name | trunc 41 | trimSuffix "-") }}{{ end }}
{{- end }}

{{/* Cluster-wide names hold the namespace: several releases may share a name. */}}
{{- define "portolan.clusterName" -}}
{{ printf "%s-%s" .Release.Namespace (include "portolan.name" .) }}
{{- end }}

{{- define "portolan.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "portolan.name" .) }}
{{- end }}

{{- define "portolan.selector" -}}
app.kubernetes.io/name: portolan
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: sync
{{- end }}

{{- define "portolan.labels" -}}
{{ include "portolan.selector" . }}
app.kubernetes.io/part-of: portolan
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
