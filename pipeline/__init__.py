"""Reports described in YAML, built with pandas, mailed on time, once, or somebody is told why not."""

__version__ = "0.1.0"
