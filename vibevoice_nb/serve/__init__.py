"""Speech server: requests, events and the service behind all its interfaces."""
