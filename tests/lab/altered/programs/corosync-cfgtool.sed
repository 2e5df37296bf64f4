#when *
/^Local node ID/a build 9.9.9 of Thu Feb 29 2096
s/ mtu: [0-9]*/ mtu: 9999/
s/^Could not \(.*\)/Could not \1 (see the journal)/
