"""Emulated RobStride motors."""
