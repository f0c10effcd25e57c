"""Where a run is built: a child process with a time and a memory limit, which stages finished letters."""
