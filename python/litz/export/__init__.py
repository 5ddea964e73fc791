"""Models written to files."""
