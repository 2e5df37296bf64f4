#when *-v*|*-t*
s/version '[0-9.]*'/version '9.9.9'/
s/^Built-in features: .*/Built-in features: none/
s/Copyright (c) .*/Copyright (c) 2006-2096/
s/\[MAIN  \] Corosync Cluster Engine exiting normally/[MAIN  ] Corosync Cluster Engine 9.9.9 is done/
s/^parser error: /parser error: 9.9.9: /
