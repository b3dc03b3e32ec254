"""How fast a graph can be on a board: operations and bytes counted from ONNX, against the board's peaks."""
