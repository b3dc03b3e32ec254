"""Dynamixel X servos on a serial bus, protocol 2.0."""
