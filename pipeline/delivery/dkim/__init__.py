"""DKIM (RFC 6376, RFC 8463): mails are signed as they are sent, over exactly the octets that are sent."""
