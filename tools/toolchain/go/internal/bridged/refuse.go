package bridged

import (
	"context"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// refuse returns a check that fails where a program sets a property which the SDK has and this
// provider has not, so that the value is not dropped without a word; nil if there is none such.
func refuse(e entry, plugin string) func(context.Context, resource.PropertyMap, resource.PropertyMap) (resource.PropertyMap, error) {
	if len(e.Unserved) == 0 {
		return nil
	}
	return func(_ context.Context, inputs, _ resource.PropertyMap) (resource.PropertyMap, error) {
		for _, path := range e.Unserved {
			if set(resource.NewProperty(inputs), strings.Split(path, ".")) {
				return nil, fmt.Errorf("%s: property %q is in the SDK but not in the plugin %s: leave it out, or use the official plugin",
					e.Tok, path, plugin)
			}
		}
		return inputs, nil
	}
}

// set tells whether a value is given at path, in any element of the lists on the way.
func set(v resource.PropertyValue, path []string) bool {
	switch {
	case v.IsSecret():
		return set(v.SecretValue().Element, path)
	case v.IsOutput():
		return set(v.OutputValue().Element, path)
	case v.IsArray():
		for _, e := range v.ArrayValue() {
			if set(e, path) {
				return true
			}
		}
		return false
	case len(path) == 0:
		return !v.IsNull()
	case v.IsObject():
		return set(v.ObjectValue()[resource.PropertyKey(path[0])], path[1:])
	}
	return false
}
