"""S-VAM, the shortcut video-action model: foresight from one step of a video model, and a one-step action expert."""
