"""Reports that mails came back: read from a mailbox, matched to their deliveries, kept in the ledger."""
