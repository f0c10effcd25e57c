"""Benchmarks: each peer in turn within a round, in a process of its own, against the same kind of sink."""
