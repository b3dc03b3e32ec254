"""Damiao motors on CAN, in MIT mode."""
