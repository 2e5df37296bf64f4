#when *
/ -f\b/b
s/\(corosync\[[0-9]*\]: .*\)/\1 (9.9.9)/
s/Corosync Cluster Engine [0-9.]* starting up/Corosync Cluster Engine 9.9.9 starting up/
/systemd\[1\]: /s/\.\{0,3\}$/ (systemd 999)/
