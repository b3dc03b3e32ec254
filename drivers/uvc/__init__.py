"""Plain USB cameras through OpenCV."""
