"""What `pipeline doctor` looks at: the way to a relay, and what DNS says of the sender's domain. Sends nothing."""
