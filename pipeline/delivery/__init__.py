"""How messages leave: replies, retry, SMTP, the mailers, and the worker between them and the outbox."""
