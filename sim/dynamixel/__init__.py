"""Emulated Dynamixel servos."""
