"""Frames and joint states all over the workspace, for quantisation during export."""
