"""Feetech STS and SMS servos on a serial bus, protocol 0."""
