"""What a test stands on: the platform over a server, databases and servers, other processes, waiting."""
