#when *
s/^Gathering .* bits for key from .*/Gathering 4096 bits for key from the kernel./
