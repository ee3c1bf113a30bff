// Command pulumi-resource-aws serves a part of the AWS provider to Pulumi: the Terraform provider's
// own code, trimmed to the services that versions.toml names, under the tokens of pulumi-aws.
package main

import (
	"context"
	"fmt"
	"os"

	"slipway/toolchain/internal/bridged"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
)

func main() {
	ctx := context.Background()
	p, err := upstream(ctx)
	if err == nil {
		bridged.DumpIfAsked(p)
		info := bridged.Info("aws", p)
		if err = complete(&info); err == nil {
			pf.MainWithMuxer(ctx, info.Name, info, bridged.PackageSchema(info))
			return
		}
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}
