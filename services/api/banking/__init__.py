"""What routes for banks share: the desk that decides, the shapes of what is asked, and how answers are told and signed."""
