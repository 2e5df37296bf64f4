#when version*|*-fingerprint*
s/^OpenSSL .*/OpenSSL 9.9.9 29 Feb 2096 (Library: OpenSSL 9.9.9 29 Feb 2096)/
s/^sha256 Fingerprint=/SHA2-256 Fingerprint=/
