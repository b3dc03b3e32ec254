"""RobStride motors on CAN: the worked example of docs/drivers.md."""
