"""Text front end of nano, the small embedded model."""
