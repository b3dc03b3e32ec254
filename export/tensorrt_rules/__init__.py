"""What TensorRT 10.3 accepts, checked on the ONNX graph alone."""
