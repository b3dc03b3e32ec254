"""From a torch checkpoint to a checked bundle of ONNX graphs."""
