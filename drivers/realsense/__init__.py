"""RealSense cameras through librealsense."""
