"""The closed list of events, JSON lines, and the reader for people."""
