"""What tests run on: the platform with a fake API, databases and servers, other processes, waiting."""
