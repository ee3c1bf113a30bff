package main

import (
	"context"
	"net/url"
	"os"
	"regexp"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-provider-aws/xpprovider"
	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// upstream is the Terraform provider: its two halves (SDK v2 and plugin framework) as one.
func upstream(ctx context.Context) (shim.Provider, error) {
	fw, sdk, err := xpprovider.GetProvider(ctx)
	if err != nil {
		return nil, err
	}
	configure := sdk.ConfigureContextFunc
	sdk.ConfigureContextFunc = func(ctx context.Context, d *schema.ResourceData) (any, diag.Diagnostics) {
		meta, diags := configure(ctx, d)
		if c, ok := meta.(*xpprovider.AWSClient); ok && c != nil {
			c.AppendAPIOptions(plainHost)
		}
		return meta, diags
	}
	return pf.MuxShimWithDisjointgPF(ctx, sdkv2.NewProvider(sdk), fw), nil
}

var accountPrefix = regexp.MustCompile(`^\d{12}\.`)

// plainHost drops the account number which S3 Control puts before the host of AWS_ENDPOINT_URL
// (000000000000.127.0.0.1): an emulator's address has no such names.
func plainHost(stack *middleware.Stack) error {
	base, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL"))
	if err != nil || base.Host == "" {
		return err
	}
	strip := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if req, ok := in.Request.(*smithyhttp.Request); ok && accountPrefix.ReplaceAllString(req.URL.Host, "") == base.Host {
			req.URL.Host = base.Host
		}
		return next.HandleFinalize(ctx, in)
	}
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("PlainHost", strip), "Signing", middleware.Before)
}
