#when *
s/^Creating new /Creating a new /
s/^Importing /Taking in /
