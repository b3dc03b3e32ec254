"""What every emulated serial bus shares, and the ports it stands behind."""
