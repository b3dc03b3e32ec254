"""An emulated CAN bus, and the ports it stands behind."""
