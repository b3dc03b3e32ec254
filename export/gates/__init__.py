"""The gates of an artefact: how far it may be from what was trained, measured frame by frame and joint by joint. numpy only."""
