"""The terminal: what is piped in, what is printed, and how wide it is."""
