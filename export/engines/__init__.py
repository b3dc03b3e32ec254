"""TensorRT engines, built from a bundle's graphs on the machine that runs them."""
