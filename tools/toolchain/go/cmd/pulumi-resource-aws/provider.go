package main

import (
	"errors"
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/x/muxer"
	"github.com/pulumi/pulumi-terraform-bridge/v3/unstable/metadata"
)

// autonamed lists the fields that get a generated name where a program gives none, as in pulumi-aws.
var autonamed = []struct {
	resource, field, name string
	max                   int
	transform             func(string) string
}{
	{"aws_s3_bucket", "bucket", "bucket", 63, strings.ToLower},
	{"aws_ecr_repository", "name", "name", 256, strings.ToLower},
	{"aws_lb", "name", "name", 32, nil},
	{"aws_lb_target_group", "name", "name", 32, nil},
	{"aws_iam_role", "name", "name", 64, nil},
	{"aws_iam_policy", "name", "name", 128, nil},
	{"aws_iam_instance_profile", "name", "name", 128, nil},
	{"aws_cloudwatch_event_rule", "name", "name", 64, nil},
	{"aws_cloudwatch_metric_alarm", "alarm_name", "name", 255, nil},
	{"aws_db_instance", "identifier", "identifier", 63, strings.ToLower},
	{"aws_rds_cluster", "cluster_identifier", "clusterIdentifier", 63, strings.ToLower},
	{"aws_kms_alias", "name", "name", 255, func(s string) string { return "alias/" + strings.TrimPrefix(s, "alias/") }},
}

// complete adds what the mapping cannot tell: configuration, generated names, the table of which
// half of the provider serves what.
func complete(info *tfbridge.ProviderInfo) error {
	info.Config["region"] = &tfbridge.SchemaInfo{
		Type: "aws:index/region:Region", Default: &tfbridge.DefaultInfo{EnvVars: []string{"AWS_REGION", "AWS_DEFAULT_REGION"}},
	}
	info.SkipValidateProviderConfigForPluginFramework = true
	for _, a := range autonamed {
		if r := info.Resources[a.resource]; r != nil {
			r.Fields[a.field] = tfbridge.AutoNameWithCustomOptions(a.name, tfbridge.AutoNameOptions{
				Separator: "-", Maxlen: a.max, Randlen: 7, Transform: a.transform,
			})
		}
	}
	info.SetAutonaming(255, "-")
	// tfgen would store this table in bridge-metadata.json; it is cheap enough to build here
	p, ok := info.P.(interface {
		ResolveDispatch(*tfbridge.ProviderInfo) (muxer.DispatchTable, error)
	})
	if !ok {
		return errors.New("the provider is not a mux of two: its bridge has changed, adapt provider.go")
	}
	table, err := p.ResolveDispatch(info)
	if err != nil {
		return err
	}
	return metadata.Set(info.GetMetadata(), "mux", table)
}
