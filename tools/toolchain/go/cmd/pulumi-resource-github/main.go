// Command pulumi-resource-github serves the GitHub provider to Pulumi.
package main

import (
	"slipway/toolchain/internal/bridged"

	"github.com/integrations/terraform-provider-github/v6/github"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

func main() {
	p := sdkv2.NewProvider(github.NewProvider("pulumi", "")())
	bridged.DumpIfAsked(p)
	info := bridged.Info("github", p)
	info.Config["base_url"] = &tfbridge.SchemaInfo{
		Default: &tfbridge.DefaultInfo{EnvVars: []string{"GITHUB_BASE_URL"}, Value: "https://api.github.com/"},
	}
	info.Config["token"] = &tfbridge.SchemaInfo{
		Default: &tfbridge.DefaultInfo{EnvVars: []string{"GITHUB_TOKEN"}}, Secret: tfbridge.True(),
	}
	info.SetAutonaming(255, "-")
	tfbridge.Main(info.Name, info.Version, info, bridged.PackageSchema(info))
}
