"""Templates, components, text and letters (in the child process), and the letters' form on the wire."""
