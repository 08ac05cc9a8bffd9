"""What flows are made of: plain typed functions first."""
