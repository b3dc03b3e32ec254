"""The simulated camera: pictures, their way, and the RealSense made of software."""
