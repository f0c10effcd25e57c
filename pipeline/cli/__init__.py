"""The commands: thin; each reads arguments, calls one thing, prints what came of it."""
