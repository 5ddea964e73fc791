"""Models: the classes that load them, what they compute, and what they return."""
