"""What a run reports on: sources → datasets → charts and exports → artifacts. Runs inside the child
process."""
