package groupfile

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

var errAddress = errors.New(`want /ip4/A.B.C.D/tcp/PORT, /ip6/ADDRESS/tcp/PORT or /dns/NAME/tcp/PORT`)

// CheckAddress accepts the multiaddrs that the transport can dial.
func CheckAddress(a string) error {
	parts := strings.Split(a, "/")
	if len(parts) != 5 || parts[0] != "" || parts[3] != "tcp" {
		return errAddress
	}
	port, err := strconv.ParseUint(parts[4], 10, 16)
	if err != nil || port == 0 || strconv.FormatUint(port, 10) != parts[4] {
		return errors.New("the port must be from 1 to 65535")
	}
	host := parts[2]
	switch parts[1] {
	case "ip4", "ip6":
		ip, err := netip.ParseAddr(host)
		if err != nil || ip.Zone() != "" || ip.Is4() != (parts[1] == "ip4") {
			return errors.New(strconv.Quote(host) + " is not an " + parts[1] + " address")
		}
		return nil
	case "dns", "dns4", "dns6":
		if !hostname(host) {
			return errors.New(strconv.Quote(host) + " is not a host name")
		}
		return nil
	}
	return errAddress
}

func hostname(s string) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
		}
	}
	return true
}
