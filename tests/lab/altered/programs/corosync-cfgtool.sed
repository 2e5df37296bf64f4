#when *
s/ mtu: [0-9]*/ mtu: 9999/
s/^Could not \(.*\)/Could not \1 (see the journal)/
