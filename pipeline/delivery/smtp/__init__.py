"""SMTP: replies, one mail transaction as a pure machine, connections, and the pool that drives them."""
