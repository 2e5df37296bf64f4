#when *
s/^    Algorithm:.*/&\n    Build:		9.9.9/
