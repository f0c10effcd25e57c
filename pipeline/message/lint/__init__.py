"""Looks at a finished letter as its readers' mail programs will, and says what would go wrong there."""
