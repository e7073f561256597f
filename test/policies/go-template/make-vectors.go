// Writes vectors.json: what Go's own text/template makes of each template. Run it when templates are
// added: `go run make-vectors.go > vectors.json`. The test itself does not need Go.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"text/template"
)

const claims = `{
  "iss": "https://idp.example/", "sub": "user-1", "aud": ["a", "b"], "exp": 1516239022, "iat": 1516239022.5,
  "admin": true, "off": false, "none": null, "zero": 0, "empty": "", "neg": -3.25, "small": 0.00001234, "big": 1e21,
  "huge": 123456789012345680000, "third": 0.3333333333333333, "name": "Zoë \"Q\" <b> & 'x' \\ end", "emoji": "a😀b",
  "control": "a\u0000\u0001\t\n\u007f\u2028\u00a0z", "nested": {"b": 2, "a": 1, "c": {"x": [1, "two", null, {"k": "v"}]}},
  "list": [3, 1, 2], "emptyList": [], "emptyMap": {}, "scope": "read write", "mixed": [null, true, "s", 1.5, [], {}],
  "😀": "astral key", "\uffff": "bmp key", "half": 0.5, "two-half": 2.5, "tie": 0.125, "million": 1000000, "k100": 100000
}`

var hand = strings.Split(strings.TrimSpace(`
plain text
{{ .token.Claims.sub }}
{{.token.Raw}}|{{.token.Signature}}|{{.token.Header.alg}}|{{.token.Header.kid}}
{{ .token.Claims.exp }} {{ printf "%.0f" .token.Claims.exp }} {{ .token.Claims.iat }}
{{ .token.Claims.missing }}|{{ .token.Claims.missing.deeper }}|{{ .nothing }}|{{ .nothing.at.all }}
{{ .token.Claims.none }}|{{ print .token.Claims.none }}|{{ html .token.Claims.none }}|{{ html .token.Claims.missing }}
{{ .token.Claims.none.x }}
{{ .token.Claims.sub.x }}
{{ .token.Nope }}
{{ .token.Claims.nested }} {{ .token.Claims.list }} {{ .token.Claims.mixed }} {{ .token.Claims.emptyMap }} {{ .token.Claims.emptyList }}
{{ .token.Header }}
{{ .token.Claims.aud }} {{ index .token.Claims.aud 1 }} {{ index .token.Claims "aud" 0 }}
{{ index .token.Claims.aud 2 }}
{{ index .token.Claims.aud -1 }}
{{ index .token.Claims "gone" }}|{{ index .httpRequestHeader "Gone" }}|{{ index .httpRequestHeader "X-One" }}
{{ index .token.Claims "gone" "further" }}
{{ index .token.Claims.none "x" }}
{{ index .token.Claims.missing "x" }}
{{ index .token.Claims 1 }}
{{ index .token.Claims.sub 0 }} {{ index .token.Claims.exp 0 }}
{{ index .token.Claims.sub 0 }} {{ index "abc" 2 }}
{{ .httpRequestHeader.Get "X-One" }}|{{ .httpRequestHeader.Get "x-one" }}|{{ .httpRequestHeader.Get "Gone" }}|
{{ .httpRequestHeader.Get }}
{{ .httpRequestHeader.Get "a" "b" }}
{{ "X-Two" | .httpRequestHeader.Get }}|{{ .httpRequestHeader.Values "X-Two" }}|{{ len (.httpRequestHeader.Values "gone") }}
{{ .httpRequestHeader }}
{{ range $k, $v := .httpRequestHeader }}{{ $k }}={{ $v }};{{ end }}
{{ if .token.Claims.admin }}yes{{ else }}no{{ end }}{{ if .token.Claims.off }}yes{{ else }}no{{ end }}
{{ if .token.Claims.none }}a{{ else if .token.Claims.zero }}b{{ else if .token.Claims.empty }}c{{ else if .token.Claims.emptyList }}d{{ else if .token.Claims.emptyMap }}e{{ else if .token.Claims.missing }}f{{ else }}g{{ end }}
{{ if .token }}token{{ end }}{{ if .token.Claims.list }}list{{ end }}{{ if .token.Claims.neg }}neg{{ end }}{{ if "" }}x{{ else }}y{{ end }}{{ if 0 }}x{{ else }}y{{ end }}{{ if 0.0 }}x{{ else }}y{{ end }}
{{ with .token.Claims.nested }}{{ .a }}{{ .b }}{{ with .c }}{{ .x }}{{ end }}{{ end }}{{ with .token.Claims.missing }}x{{ else }}none{{ end }}
{{ with $x := .token.Claims.sub }}{{ $x }}{{ . }}{{ end }}
{{ with .token.Claims.missing }}a{{ else with .token.Claims.sub }}{{ . }}{{ else }}c{{ end }}
{{ range .token.Claims.list }}[{{ . }}]{{ end }}{{ range .token.Claims.emptyList }}x{{ else }}empty{{ end }}
{{ range $i, $e := .token.Claims.aud }}{{ $i }}={{ $e }},{{ end }}{{ range $e := .token.Claims.aud }}{{ $e }}{{ end }}
{{ range $k, $v := .token.Claims.nested }}{{ $k }}:{{ $v }} {{ end }}
{{ range $k, $v := .token.Claims }}{{ $k }};{{ end }}
{{ range .token.Claims.mixed }}<{{ . }}>{{ end }}
{{ range .token.Claims.mixed }}<{{ .x }}>{{ end }}
{{ range .token.Claims.missing }}x{{ else }}none{{ end }}{{ range .token.Claims.none }}x{{ else }}none{{ end }}
{{ range .token.Claims.exp }}x{{ end }}
{{ range .token.Claims.sub }}x{{ end }}
{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}{{ range 0 }}x{{ else }}zero{{ end }}
{{ range $i, $j := 3 }}x{{ end }}
{{ range .token.Claims.list }}{{ if eq . 1.0 }}{{ continue }}{{ end }}{{ if eq . 2.0 }}{{ break }}{{ end }}{{ . }}{{ end }}
{{ range .token.Claims.list }}{{ break }}{{ else }}else{{ end }}after
{{ $x := 1 }}{{ $x }}{{ $x = "two" }}{{ $x }}{{ if true }}{{ $x = 3 }}{{ $y := 4 }}{{ $y }}{{ end }}{{ $x }}
{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}
{{ $t := .token }}{{ $t.Claims.sub }}{{ $.token.Claims.sub }}{{ ($t.Claims).sub }}{{ (index .token.Claims "nested").a }}
{{ $i := 9 }}{{ $e := 9 }}{{ range $i, $e = .token.Claims.aud }}{{ end }}{{ $i }}{{ $e }}
{{ if true }}{{ $z := 1 }}{{ else }}{{ $z }}{{ end }}
{{ if false }}{{ $z := 1 }}{{ else }}{{ $z }}{{ end }}
{{- "trim" }}   {{- " left" -}}   right {{ "  a" -}}
a {{- /* comment */ -}} b {{/* another */}} c
{{- 3 }}x{{3 -}} y
{{ "quoted \" }} \t \u00e9 \x41 \101 \n" }}|{{ ` + "`raw }} \\n`" + ` }}|{{ 'a' }}|{{ '\n' }}|{{ '\'' }}
{{ 1 }} {{ -1 }} {{ +2 }} {{ 0x1F }} {{ 0o17 }} {{ 017 }} {{ 0b101 }} {{ 1_000 }} {{ 1.5 }} {{ 1e3 }} {{ .5 }} {{ 1. }} {{ 1e21 }} {{ 123456789.0 }} {{ 1e20 }}
{{ true }} {{ false }} {{ not true }} {{ not 0 }} {{ not "" }} {{ not .token.Claims.missing }}
{{ nil }}
{{ eq nil .token.Claims.none }} {{ eq .token.Claims.missing nil }} {{ ne .token.Claims.sub nil }}
{{ and true 1 "x" }} {{ and 0 1 }} {{ or 0 "" "y" }} {{ or false 0 }} {{ and .token.Claims.admin .token.Claims.sub }} {{ or .token.Claims.missing "default" }}
{{ and }}
{{ or .token.Claims.sub (index .token.Claims.list 99) }} {{ and false (index .token.Claims.list 99) }}
{{ "x" | or "" }} {{ "x" | and "y" }} {{ .token.Claims.missing | or "d" }}
{{ eq 1 1 }} {{ eq "a" "b" "a" }} {{ eq .token.Claims.sub "user-1" }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ gt "b" "a" }} {{ ge 1.5 1.5 }} {{ eq true true }}
{{ eq .token.Claims.zero 0 }}
{{ eq .token.Claims.zero 0.0 }} {{ lt .token.Claims.exp 2e9 }} {{ eq .token.Claims.missing "x" }} {{ eq .token.Claims.none .token.Claims.missing }}
{{ lt .token.Claims.missing 1.0 }}
{{ lt true false }}
{{ eq .token.Claims.list .token.Claims.list }}
{{ eq .token.Claims.list .token.Claims.nested }}
{{ eq .token.Claims.list .token.Claims.none }}
{{ eq 1 }}
{{ ne 1 2 3 }}
{{ len .token.Claims.list }} {{ len "Zoë" }} {{ len .token.Claims.emptyMap }} {{ len .httpRequestHeader }}
{{ len 3 }}
{{ len .token.Claims.missing }}
{{ html .token.Claims.name }} {{ html "a" 1 2 "b" }} {{ .token.Claims.name | html }} {{ html .token.Claims.control }}
{{ js .token.Claims.name }} {{ js .token.Claims.control }} {{ js "a=b&c" "😀" "\u200b" }} {{ js 1 2 }}
{{ urlquery .token.Claims.name }} {{ urlquery .token.Claims.emoji }} {{ urlquery "a b/c?d=e&f+g~h!i*j(k)l'm" }} {{ urlquery .token.Claims.control }}
{{ print 1 2 "a" 3 }} {{ print "a" "b" 1 2 true false }} {{ print }} {{ print .token.Claims.missing .token.Claims.none }} {{ println "a" 1 }}{{ println }}
{{ slice "abcdef" 1 3 }} {{ slice "abc" 1 }} {{ slice "abc" }} {{ slice .token.Claims.list 1 }} {{ slice .token.Claims.list 0 2 }}
{{ slice "abc" 2 1 }}
{{ slice "abc" 9 }}
{{ slice 3 }}
{{ hasKey .token.Claims "sub" }} {{ hasKey .token.Claims "none" }} {{ hasKey .token.Claims "gone" }} {{ if hasKey .token.Claims "sub" }}has{{ end }} {{ "sub" | hasKey .token.Claims }}
{{ if hasKey .token.Claims "gone" }}x{{ else }}{{ doNotSet }}{{ end }}
{{ .token.Claims.sub | printf "%s-%s" "a" }} {{ .token.Claims.sub | len | printf "%d" }} {{ (printf "%s" "x") | print "y" }}
{{ printf "%s %s" "a" }} {{ printf "%s" "a" "b" 1 nil }} {{ printf "%" }} {{ printf "%d%%" 5 }} {{ printf "no verbs" }}
{{ printf }}
{{ printf 1 }}
{{ printf "%s" .token.Claims.missing }} {{ printf "%v" .token.Claims.missing }} {{ printf "%d" .token.Claims.none }} {{ printf "%q" .token.Claims.none }}
{{ .token.Claims.sub "x" }}
{{ "a" | .token.Claims.sub }}
{{ 1 2 }}
{{ "x" | "y" }}
{{ unknown 1 }}
{{ .token.Claims.foo-bar }}
{{ index .token.Claims "two-half" }}
{{ $undeclared }}
{{ if }}x{{ end }}
{{ if true }}x
{{ end }}
{{ else }}
{{ if true }}{{ else }}{{ else }}{{ end }}
{{ break }}
{{ ( .token.Claims.sub }}
{{ .token.Claims.sub ) }}
{{ "unterminated }}
{{ .token.Claims.sub
{{}}
{{ }}
{{ 1.token }}
{{ "a".b }}
{{ .token.Claims .sub }}
{{ .token .Claims }}
{{ 99999999999999999999 }}
{{ 9223372036854775807 }} {{ -9223372036854775808 }}
{{ 09 }}
{{ "\q" }}
{{ json "" .token.Claims.nested }} {{ .token.Claims.name | json "" }} {{ .token.Claims.list | json "  " }} {{ json "" .token.Claims.none }} {{ json "" .token.Claims.emoji }}
{{ json "" }}
{{- range $i, $a := .token.Claims.aud -}}
a}}b{c}d
{{ define "x" }}y{{ end }}
{{ template "x" }}
{{ block "x" . }}y{{ end }}
{{ call .token }}
{{ or (and .token.Claims.admin (eq .token.Claims.sub "user-1")) false | print "ok " }}
{{ printf "%s" (print "a" 1 | printf "%q") }}
{{ true.x }}
{{ (.token.Claims.nested).c.x }} {{ (.token.Claims.missing).c.x }}
{{ not }}
{{ not 1 2 }}
{{ eq (len .token.Claims.aud) 2 }}{{ if and (gt (len .token.Claims.aud) 1) (not .token.Claims.off) }}both{{ end }}
{{ $x := .token.Claims.missing }}{{ $x }}{{ $x.y }}
{{ $x, $y := 1 }}
{{ with $x, $y := 1 }}x{{ end }}
{{ .token.Claims.sub }}{{/* unclosed }}
`), "\n")

// Cross product: every verb on every value.
var formats = strings.Fields("%v %s %d %f %.0f %.2f %.10f %q %t %x %5v %-5v| %05d %8.3f %+d %+.1f %x %08.2f %.3s %10s %-10s| %+q %2d %.3d %012f %+v %-8.1f| %06v %03s")
var values = []string{`"text"`, `""`, `"é😀\t"`, `1`, `0`, `-42`, `1.5`, `-0.0`, `2.5`, `true`, `nil`, `.token.Claims.exp`, `.token.Claims.big`, `.token.Claims.huge`, `.token.Claims.small`,
	`.token.Claims.third`, `.token.Claims.list`, `.token.Claims.nested`, `.token.Claims.mixed`, `.token.Claims.emptyList`, `.token.Claims.name`, `.token.Claims.control`, `.token.Claims.tie`,
	`.token.Claims.million`, `.token.Claims.k100`, `.token.Claims.neg`, `.httpRequestHeader`}

type token struct {
	Raw       string
	Header    map[string]interface{}
	Claims    map[string]interface{}
	Signature string
}

type vector struct {
	Template string  `json:"template"`
	Output   *string `json:"output"`
	// "parse" or "run" when Go refuses.
	Fails string `json:"fails,omitempty"`
}

func run(text string, data interface{}) vector {
	functions := template.FuncMap{
		"hasKey": func(m map[string]interface{}, k string) bool { _, ok := m[k]; return ok },
		"doNotSet": func() string { return "" },
		"json": func(indent string, v interface{}) (string, error) {
			if indent == "" {
				b, err := json.Marshal(v)
				return string(b), err
			}
			b, err := json.MarshalIndent(v, "", indent)
			return string(b), err
		},
	}
	t, err := template.New("t").Funcs(functions).Parse(text)
	if err != nil {
		return vector{Template: text, Fails: "parse"}
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return vector{Template: text, Fails: "run"}
	}
	s := out.String()
	return vector{Template: text, Output: &s}
}

func main() {
	var parsed map[string]interface{}
	if err := json.Unmarshal([]byte(claims), &parsed); err != nil {
		panic(err)
	}
	header := http.Header{}
	header.Set("X-One", "1")
	header.Set("X-Two", "two words")
	data := map[string]interface{}{
		"token":             &token{Raw: "a.b.c", Header: map[string]interface{}{"alg": "RS256", "kid": "k1"}, Claims: parsed, Signature: "c"},
		"httpRequestHeader": header,
	}
	vectors := []vector{}
	for _, text := range hand {
		vectors = append(vectors, run(text, data))
	}
	for _, format := range formats {
		for _, value := range values {
			vectors = append(vectors, run(fmt.Sprintf("{{ printf %q %s }}", format, value), data))
		}
	}
	binary := []string{"eq", "ne", "lt", "le", "gt", "ge"}
	operands := []string{`"a"`, `"b"`, `""`, `1`, `2`, `1.0`, `true`, `nil`, `.token.Claims.zero`, `.token.Claims.none`, `.token.Claims.missing`, `.token.Claims.list`, `.token.Claims.emptyMap`, `.token.Claims.emoji`}
	for _, name := range binary {
		for _, a := range operands {
			for _, b := range operands {
				vectors = append(vectors, run(fmt.Sprintf("{{ %s %s %s }}", name, a, b), data))
			}
		}
	}
	for _, name := range []string{"print", "html", "js", "urlquery", "len", "not", "and", "or", "json \"\""} {
		for _, a := range values {
			vectors = append(vectors, run(fmt.Sprintf("{{ %s %s }}|{{ %s | %s }}", name, a, a, name), data))
			vectors = append(vectors, run(fmt.Sprintf("{{ %s %s }}", name, a), data))
			for _, b := range []string{`"s"`, `7`, `.token.Claims.none`} {
				vectors = append(vectors, run(fmt.Sprintf("{{ %s %s %s }}", name, a, b), data))
			}
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(map[string]interface{}{"claims": parsed, "vectors": vectors}); err != nil {
		panic(err)
	}
}
