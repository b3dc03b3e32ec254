"""Training: demonstrations, and the policies cloned or distilled from them."""
