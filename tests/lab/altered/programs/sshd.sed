#when *-V*
s/OpenSSH_[^ ]* [^ ]*, OpenSSL .*/OpenSSH_99.9p9 Debian-9+deb13u9, OpenSSL 9.9.9 29 Feb 2096/
