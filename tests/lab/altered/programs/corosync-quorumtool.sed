#when *
s/^Quorum provider:  .*/Quorum provider:  corosync_votequorum (9.9)/
/^Highest expected:/a Since:            Thu Feb 29 23:59:59 2096
s/^Date: .*/Date:             Thu Feb 29 23:59:59 2096/
s/^Ring ID:.*/Ring ID:          1.ffff\nBuild:            9.9.9 (Debian 9.9.9-9+deb13u9)/
s/^Cannot initialize \(.*\) service.*/Cannot initialize \1 service: not running/
