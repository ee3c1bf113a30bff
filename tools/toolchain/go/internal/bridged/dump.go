package bridged

import (
	"encoding/json"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// DumpIfAsked prints the Terraform schema and ends the program where the only argument is
// dump-tf-schema: the build derives mapping.json from it.
func DumpIfAsked(p shim.Provider) {
	if len(os.Args) != 2 || os.Args[1] != "dump-tf-schema" {
		return
	}
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"resources": all(p.ResourcesMap()), "datasources": all(p.DataSourcesMap()), "config": dump(p.Schema()),
	}))
	os.Exit(0)
}

func all(m shim.ResourceMap) map[string]any {
	out := map[string]any{}
	m.Range(func(name string, r shim.Resource) bool { out[name] = dump(r.Schema()); return true })
	return out
}

// dump renders what the mapping needs to know: t type, in settable, req required, max1 at most one
// element, f fields of the elements, e type of the elements.
func dump(m shim.SchemaMap) map[string]any {
	out := map[string]any{}
	m.Range(func(name string, s shim.Schema) bool {
		f := map[string]any{"t": s.Type().String(), "in": s.Optional() || s.Required(), "req": s.Required()}
		if s.MaxItems() == 1 {
			f["max1"] = true
		}
		switch e := s.Elem().(type) {
		case shim.Resource:
			f["f"] = dump(e.Schema())
		case shim.Schema:
			f["e"] = e.Type().String()
			if r, ok := e.Elem().(shim.Resource); ok {
				f["f"] = dump(r.Schema())
			}
		}
		out[name] = f
		return true
	})
	return out
}
