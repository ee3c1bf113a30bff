// Command pulumi-resource-docker serves the Docker provider to Pulumi, without the resources that
// pulumi-docker adds itself (docker:index/image:Image).
package main

import (
	"slipway/toolchain/internal/bridged"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/plugin"
)

func main() {
	p := sdkv2.NewProvider(plugin.New("pulumi"))
	bridged.DumpIfAsked(p)
	info := bridged.Info("docker", p)
	info.Config["host"] = &tfbridge.SchemaInfo{Default: &tfbridge.DefaultInfo{EnvVars: []string{"DOCKER_HOST"}}}
	info.Config["registry_auth"] = &tfbridge.SchemaInfo{Name: "registryAuth", MaxItemsOne: tfbridge.False()}
	if r := info.Resources["docker_container"]; r != nil {
		r.DeleteBeforeReplace = true // its name is taken until it is gone
	}
	info.SetAutonaming(255, "-")
	tfbridge.Main(info.Name, info.Version, info, bridged.PackageSchema(info))
}
