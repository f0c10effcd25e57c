"""Pages for people with a browser: the live preview."""
