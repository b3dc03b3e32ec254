"""Emulated CANopen drives."""
