"""Training of the S-VAM family: video model, self-distillation, teachers, students, action expert."""
