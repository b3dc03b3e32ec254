"""TensorRT on an NVIDIA GPU, as an Engine; imported only where there is one."""
