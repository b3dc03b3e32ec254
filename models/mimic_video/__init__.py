"""mimic-video: a frozen video flow model, stopped at a video time, whose middle layer an action decoder reads."""
