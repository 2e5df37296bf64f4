#when *status*|*--version*
s/^systemd [0-9].*/systemd 999 (999.9-9~deb13u9)/
s/^\( *\)CPU: .*/\1CPU: 9.9s\n\1FD: 99\n\1Memory: 99.9M (peak: 999M)/
s/; preset: enabled/; preset: ignored/
s/- Corosync Cluster Engine$/- Corosync Cluster Engine 9/
