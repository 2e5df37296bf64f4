#when *
s/^Model:.*/&\nBuild:			9.9.9/
s/Can't connect to QDevice socket .*/Can't connect to the socket of QDevice/
s/^HB interval:.*/HB interval:		9999ms/
