"""Where a camera stands, as the arm sees it: guided poses, estimation, and a picture as proof."""
