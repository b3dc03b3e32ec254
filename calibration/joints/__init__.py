"""`forerun calibrate joints`: where each joint's zero is in its motor's own count, how far it turns, and which way."""
