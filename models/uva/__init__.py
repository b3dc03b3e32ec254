"""UVA, the unified video-action model: one masked transformer that is policy, video model, forward and inverse dynamics."""
