// Package bridged serves a Terraform provider as a Pulumi plugin. Which Pulumi token and property
// names belong to which Terraform names is read from mapping.json beside the plugin, which the
// build derives from the published Python SDK: so the plugin speaks exactly that SDK's names.
package bridged

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

type field struct {
	Name   string            `json:"name,omitempty"`
	Max1   *bool             `json:"max1,omitempty"`
	Object bool              `json:"object,omitempty"`
	Fields map[string]*field `json:"fields,omitempty"`
}

type entry struct {
	Tok      string            `json:"tok"`
	Fields   map[string]*field `json:"fields,omitempty"`
	Unserved []string          `json:"unserved,omitempty"`
}

type mapping struct {
	Version     string           `json:"version"`
	Upstream    string           `json:"upstream"`
	Resources   map[string]entry `json:"resources"`
	DataSources map[string]entry `json:"datasources"`
}

func load() (m mapping) {
	exe, err := os.Executable()
	must(err)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(exe), "mapping.json"))
	must(err)
	must(json.Unmarshal(text, &m))
	return m
}

// Info describes provider p to the bridge; what the mapping does not name is left out.
func Info(name string, p shim.Provider) tfbridge.ProviderInfo {
	m := load()
	info := tfbridge.ProviderInfo{
		P: p, Name: name, Version: m.Version, ResourcePrefix: name,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Config:       map[string]*tfbridge.SchemaInfo{},
		Resources:    map[string]*tfbridge.ResourceInfo{},
		DataSources:  map[string]*tfbridge.DataSourceInfo{},
	}
	p.ResourcesMap().Range(func(tf string, _ shim.Resource) bool {
		if e, ok := m.Resources[tf]; ok {
			info.Resources[tf] = &tfbridge.ResourceInfo{
				Tok: tokens.Type(e.Tok), Fields: schemas(e.Fields),
				PreCheckCallback: refuse(e, fmt.Sprintf("pulumi-%s %s built from %s", name, m.Version, m.Upstream)),
			}
		} else {
			info.IgnoreMappings = append(info.IgnoreMappings, tf)
		}
		return true
	})
	p.DataSourcesMap().Range(func(tf string, _ shim.Resource) bool {
		if e, ok := m.DataSources[tf]; ok {
			info.DataSources[tf] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(e.Tok), Fields: schemas(e.Fields)}
		} else {
			info.IgnoreMappings = append(info.IgnoreMappings, tf)
		}
		return true
	})
	return info
}

func schemas(fields map[string]*field) map[string]*tfbridge.SchemaInfo {
	out := map[string]*tfbridge.SchemaInfo{}
	for name, f := range fields {
		s := &tfbridge.SchemaInfo{Name: f.Name, MaxItemsOne: f.Max1}
		switch sub := schemas(f.Fields); {
		case f.Object:
			s.Fields = sub
		case len(sub) > 0:
			s.Elem = &tfbridge.SchemaInfo{Fields: sub}
		}
		out[name] = s
	}
	return out
}

// PackageSchema is a minimal package schema: it names the tokens, which is all that the engine and
// the SDKs need of it at run time.
func PackageSchema(info tfbridge.ProviderInfo) []byte {
	resources, functions := map[string]any{}, map[string]any{}
	for _, r := range info.Resources {
		resources[string(r.Tok)] = map[string]any{}
	}
	for _, d := range info.DataSources {
		functions[string(d.Tok)] = map[string]any{}
	}
	b, err := json.Marshal(map[string]any{"name": info.Name, "version": info.Version, "resources": resources, "functions": functions})
	must(err)
	return b
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
