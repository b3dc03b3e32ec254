"""Emulated axes of an ODrive."""
