"""Video2Act: a slow video model whose features are split into boundaries and motion, and a fast diffusion transformer."""
