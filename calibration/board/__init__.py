"""The calibration board: a chessboard with markers (ChArUco), printed, found in pictures, and where it stands."""
