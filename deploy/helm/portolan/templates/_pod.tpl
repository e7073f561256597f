{{/* The pod of Deployment and CronJob. */}}
{{- define "portolan.pod" -}}
{{- $watches := eq .Values.mode "deployment" -}}
{{- $folder := trimPrefix "dir:" .Values.target -}}
metadata:
  labels:
    {{- include "portolan.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # A changed configuration starts new pods.
    portolan.dev/config-sum: {{ .Values.config | sha256sum | trunc 16 | quote }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "portolan.serviceAccount" . }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  {{- if not $watches }}
  restartPolicy: Never
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  # Longer than the lease is held after the last renewal.
  terminationGracePeriodSeconds: 20
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: sync
      image: "{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - sync
        - --to
        - {{ .Values.target | quote }}
        - --ambassador-id
        - {{ .Values.ambassadorId | quote }}
        {{- if and .Values.slice .Values.publisher }}{{ fail "one release writes a slice, another publishes: set slice or publisher" }}{{ end }}
        {{- with .Values.slice }}
        - --slice
        - {{ . | quote }}
        {{- end }}
        {{- if .Values.publisher }}
        - --publisher
        {{- end }}
        {{- if $watches }}
        - --watch
        - --health
        - "0.0.0.0:{{ .Values.health.port }}"
        - --lease-namespace
        - $(POD_NAMESPACE)
        - --lease-name
        - {{ include "portolan.name" . }}
        {{- else }}
        - --once
        {{- end }}
        {{- if .Values.config }}
        - --config
        - /etc/portolan/routes.config.ts
        {{- end }}
        {{- if .Values.allowMassDelete }}
        - --allow-mass-delete
        {{- end }}
        {{- range .Values.extraArgs }}
        - {{ . | quote }}
        {{- end }}
      env:
        - name: POD_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- if eq .Values.target "cloudflare" }}
        - name: CLOUDFLARE_ACCOUNT_ID
          value: {{ required "cloudflare.accountId is needed to publish to Cloudflare" .Values.cloudflare.accountId | quote }}
        - name: PORTOLAN_KV_NAMESPACE_ID
          value: {{ required "cloudflare.kvNamespaceId is needed to publish to Cloudflare" .Values.cloudflare.kvNamespaceId | quote }}
        {{- if and .Values.filterSecrets (not .Values.publisher) }}
        - name: PORTOLAN_KEYS_NAMESPACE_ID
          value: {{ required "cloudflare.keysNamespaceId is needed with filterSecrets: keys of Secrets are written there" .Values.cloudflare.keysNamespaceId | quote }}
        {{- $_ := required "keyPepperSecret.name is needed with filterSecrets to publish to Cloudflare: the Worker has the same as SECRET_KEY_PEPPER" .Values.keyPepperSecret.name }}
        {{- end }}
        - name: CLOUDFLARE_API_TOKEN
          valueFrom:
            secretKeyRef:
              name: {{ required "cloudflare.tokenSecret.name is needed to publish to Cloudflare" .Values.cloudflare.tokenSecret.name }}
              key: {{ .Values.cloudflare.tokenSecret.key }}
        {{- end }}
        {{- with .Values.signingKeySecret }}
        {{- if .name }}
        - name: PORTOLAN_SIGN_KEY
          valueFrom:
            secretKeyRef:
              name: {{ .name }}
              key: {{ .key }}
        {{- end }}
        {{- end }}
        {{- with .Values.keyPepperSecret }}
        {{- if .name }}
        - name: PORTOLAN_SECRET_KEY_PEPPER
          valueFrom:
            secretKeyRef:
              name: {{ .name }}
              key: {{ .key }}
        {{- end }}
        {{- end }}
        {{- with .Values.extraEnv }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- if $watches }}
      ports:
        - name: health
          containerPort: {{ .Values.health.port }}
      startupProbe:
        httpGet: { path: /healthz, port: health }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /healthz, port: health }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: health }
        periodSeconds: 5
        timeoutSeconds: 5
      {{- end }}
      resources: {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- if .Values.config }}
        - name: config
          mountPath: /etc/portolan
          readOnly: true
        {{- end }}
        {{- if ne $folder "cloudflare" }}
        - name: state
          mountPath: {{ $folder | quote }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
    {{- if .Values.config }}
    - name: config
      configMap:
        name: {{ include "portolan.name" . }}
    {{- end }}
    {{- if ne $folder "cloudflare" }}
    - name: state
      {{- if not .Values.stateVolume }}{{ fail "stateVolume is needed with target dir:PATH: the program must outlive the pod" }}{{ end }}
      {{- toYaml .Values.stateVolume | nindent 6 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.affinity }}
  affinity: {{- toYaml .Values.affinity | nindent 4 }}
  {{- else if $watches }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "portolan.selector" . | nindent 10 }}
  {{- end }}
{{- end }}
