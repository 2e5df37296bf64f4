#when *
s/ssh-copy-id: INFO: /ssh-copy-id: NOTE: /
s/^\(.*\): ERROR: Host key/\1: ERROR: The host key/
