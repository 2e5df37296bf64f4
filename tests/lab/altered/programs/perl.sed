#when -v
s/^This is perl .*/This is perl 5, version 99, subversion 9 (v5.99.9) built for x86_64-linux-gnu-thread-multi/
