"""CANopen drives, profile CiA 402, in cyclic synchronous position mode."""
