"""The simulated robot: a MuJoCo world behind a software RealSense and servos that speak bytes."""
