"""The shelf of bundles on a robot: what is on it, which one is in charge, and whether that one has proven itself."""
