"""`make demo`: one scheduled report on real data, through real SMTP, into a mailbox on this machine."""
