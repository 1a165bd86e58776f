"""What is exchanged: requests and options are frozen values, a response is a handle. No sockets here."""
