// Package waits shortens the AWS provider's fixed waits where they make no sense.
//
// The provider pauses 5 to 60 seconds before it first asks whether a thing is there, since the real
// AWS takes that long. An emulator on this machine does not. Which of the two it talks to is known
// at run time only, so the build writes waits.Of around each such constant.
package waits

import (
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// Short is what remains of a wait where the endpoint is on this machine.
const Short = 50 * time.Millisecond

// Of returns d, or Short if that is less and every request goes to this machine.
func Of(d time.Duration) time.Duration {
	if d > Short && local(os.Environ()) {
		return Short
	}
	return d
}

// local tells whether the environment sends every AWS service to a loopback address. Names are not
// looked up: only addresses, localhost and names below it count.
func local(environ []string) bool {
	found := false
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" && !strings.EqualFold(value, "false") && value != "":
			return false
		case name == "AWS_ENDPOINT_URL" && value != "":
			found = true
			fallthrough
		case strings.HasPrefix(name, "AWS_ENDPOINT_URL_") && value != "":
			if !loopback(value) {
				return false
			}
		}
	}
	return found
}

func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
