"""What the console shows a bank of its financings, and how its people prepare and approve decisions on them."""
