package waits

import (
	"testing"
	"time"
)

func TestWaitsAreShortOnlyWhereEveryEndpointIsLoopback(t *testing.T) {
	for _, c := range []struct {
		name    string
		environ []string
		short   bool
	}{
		{"the real AWS", nil, false},
		{"an address of this machine", []string{"AWS_ENDPOINT_URL=http://127.0.0.1:4566"}, true},
		{"another address of this machine", []string{"AWS_ENDPOINT_URL=http://127.8.9.1"}, true},
		{"this machine over IPv6", []string{"AWS_ENDPOINT_URL=http://[::1]:4566"}, true},
		{"localhost", []string{"AWS_ENDPOINT_URL=http://localhost:4566"}, true},
		{"a name below localhost", []string{"AWS_ENDPOINT_URL=http://aws.localhost:4566"}, true},
		{"a public name", []string{"AWS_ENDPOINT_URL=https://ecs.eu-central-1.amazonaws.com"}, false},
		{"a name that only begins like loopback", []string{"AWS_ENDPOINT_URL=http://127.0.0.1.example.org"}, false},
		{"a name that only ends like localhost", []string{"AWS_ENDPOINT_URL=http://notlocalhost"}, false},
		{"loopback as the user name", []string{"AWS_ENDPOINT_URL=http://127.0.0.1@example.org"}, false},
		{"a private network", []string{"AWS_ENDPOINT_URL=http://172.17.0.1:4566"}, false},
		{"no address at all", []string{"AWS_ENDPOINT_URL=127.0.0.1:4566"}, false},
		{"one service elsewhere", []string{"AWS_ENDPOINT_URL=http://127.0.0.1:4566", "AWS_ENDPOINT_URL_S3=https://s3.amazonaws.com"}, false},
		{"one service only", []string{"AWS_ENDPOINT_URL_S3=http://127.0.0.1:4566"}, false},
		{"endpoints ignored by the SDK", []string{"AWS_ENDPOINT_URL=http://127.0.0.1:4566", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := local(c.environ); got != c.short {
				t.Errorf("local(%v) = %v, want %v", c.environ, got, c.short)
			}
		})
	}
}

func TestOfReadsTheEnvironmentAtRunTime(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "https://ecs.eu-central-1.amazonaws.com")
	if got := Of(time.Minute); got != time.Minute {
		t.Errorf("against AWS: %v, want the full minute", got)
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
	if got := Of(time.Minute); got != Short {
		t.Errorf("against this machine: %v, want %v", got, Short)
	}
	if got := Of(time.Millisecond); got != time.Millisecond {
		t.Errorf("a wait that is shorter already: %v, want it as it was", got)
	}
}
