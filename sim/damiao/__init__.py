"""Emulated Damiao motors."""
