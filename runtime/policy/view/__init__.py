"""Whether the camera stands where it stood when its view was recorded, and pictures as if it did."""
